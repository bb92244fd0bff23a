// One task: its runs as a table that a reader sorts and filters, failures with their reasons, published results.
"use strict";

board.views.task = (() => {
  const {h, select, check, search, verdict, note} = board.dom;
  const n = board.numbers;
  const title = "Task";
  const TIMES = ["training", "inference"];
  const FEWER = "Fewer folds than the ranked runs have: no verdict and no rank.";

  // As the board defines them; two need more than their text.
  function columns(group) {
    const unit = board.unit(group);
    const special = {model: (row) => named(row, outdated(group)), verdict: ranked};
    const given = (column, index) => !column.optional || group.rows.some((row) => row.cells[index][1] !== null);
    const all = board.kind(group).columns.map((column, index) => ({
      ...column, head: column.key === "model", label: column.in_unit && unit ? `${column.heading} [${unit}]` : column.heading,
      cell: special[column.key] || ((row) => row.cells[index][1] === null ? n.missing : row.cells[index][0]),
      value: (row) => row.cells[index][1],
    })).filter(given);
    return [...all.filter((column) => column.head), ...all.filter((column) => !column.head)];
  }

  function named(row, all) {
    const name = row.file ? h("a", {href: board.address("model", {group: board.state.group, model: row.label})}, row.label) : row.label;
    return [name, row.stale && !all && h("span", {class: "stale", title: "older source"}, "†", h("span", {class: "hidden"}, " older source")), row.why && h("span", {class: "why"}, row.why)];
  }

  // Where every run is stale, one sentence says so.
  function outdated(group) {
    return group.rows.every((row) => row.stale);
  }

  function ranked(row) {
    return row.verdict ? verdict(row) : h("span", {class: `mark ${row.status ? "failed" : ""}`, title: short(row) && FEWER}, row.status || row.unranked);
  }

  function short(row) {
    return / of \d+ folds$/.test(row.unranked || "");
  }

  function draw(place, state) {
    const group = board.group(state);
    if (!group) return board.empty(place, title);
    place.append(h("h1", {}, group.task), board.chooser(group));
    place.append(h("p", {class: "facts"}, facts(group)));
    if (board.own(group)) place.append(h("p", {}, board.own(group).said));
    for (const row of group.rows) {
      const reasons = group.failures.filter((failure) => failure.label === row.label);
      row.why = row.file || !reasons.length ? null : shortened(reasons[0].reason);
    }
    const frame = h("div", {class: "scroller", role: "region", "aria-label": "Runs", tabindex: "0"});
    const said = h("p", {class: "said", role: "status"});
    const view = {filter: state.filter || "", sort: state.sort || board.kind(group).key, descending: state.order === "descending",
      current: state.stale === "hide", whole: state.failed === "hide", machine: group.machines[state.machine] ? state.machine : ""};
    const change = (changes) => {
      Object.assign(view, changes);
      board.remember({filter: view.filter, sort: view.sort === board.kind(group).key ? "" : view.sort, order: view.descending ? "descending" : "",
        stale: view.current ? "hide" : "", failed: view.whole ? "hide" : "", machine: view.machine});
      fill(frame, said, group, view, change);
    };
    place.append(h("div", {class: "controls"},
      search("filter models", view.filter, (filter) => change({filter})),
      group.machines.length > 1 && select("machine", [["", "all machines"], ...group.machines.map((name, index) => [String(index), name])], view.machine,
        (machine) => change({machine})),
      group.rows.some((row) => row.stale) && check("hide runs of an older source", view.current, (current) => change({current})),
      group.rows.some((row) => !row.file) && check("hide failures and unranked runs", view.whole, (whole) => change({whole}))));
    place.append(said, frame);
    fill(frame, said, group, view, change);
    place.append(...below(group));
  }

  function facts(group) {
    const words = [n.many(group.crystals, "crystal"), group.title, n.many(group.folds, "fold")];
    if (group.classes) words.push(board.classes.facts(group));
    const {loss, baseline} = board.kind(group);
    const value = group.baseline === null ? "" : n.significant(group.baseline, 4);
    if (value) words.push(group.classes ? `${baseline} has a ${loss} of ${value}` : `${baseline} errs by ${value} ${board.unit(group)}`.trim());
    return `${words.join(" · ")}.`;
  }

  function fill(frame, said, group, view, change) {
    const shown = group.rows.filter((row) => row.label.toLowerCase().includes(view.filter.trim().toLowerCase()) &&
      !(view.current && row.stale) && !(view.whole && !row.file) && (view.machine === "" || String(row.machine) === view.machine));
    const all = columns(group);
    const column = all.find((other) => other.key === view.sort) || all.find((other) => other.key === board.kind(group).key);
    const rows = board.table.sorted(shown, column, view.descending);
    const timed = rows.filter((row) => column.value(row) !== null);
    const apart = TIMES.includes(column.key) && new Set(timed.map((row) => row.machine)).size > 1;
    const bodies = apart ? [...group.machines.map((name, index) => [name, timed.filter((row) => row.machine === index)]),
      ["without a time", rows.filter((row) => !timed.includes(row))]] : [[null, rows]];
    const resort = (key) => {
      change({sort: key, descending: view.sort === key ? !view.descending : false});
      frame.querySelector(`[data-sort="${key}"]`).focus();
    };
    const at = frame.scrollLeft;
    frame.replaceChildren(h("table", {class: "runs"},
      h("caption", {}, `Runs on ${group.task}`),
      board.table.heads(all, {key: column.key, descending: view.descending}, resort),
      bodies.filter(([, part]) => part.length).map(([name, part]) => h("tbody", {},
        name && h("tr", {class: "machine"}, h("th", {colspan: all.length, scope: "rowgroup", class: "text"}, h("span", {}, name))),
        part.map((row) => board.table.line(all, row, {class: row.file ? null : "unranked"}))))));
    frame.scrollLeft = at;
    said.textContent = `${shown.length} of ${n.many(group.rows.length, "run")}` +
      (apart ? ". Times of different machines cannot be compared, so each machine is sorted by itself." : "");
  }

  function below(group) {
    const page = `tasks/${group.task.split("/").map(encodeURIComponent).join("/")}.md`;
    const parts = [h("p", {class: "note"}, "Settings, machines, versions and the command that runs it again: ", h("a", {href: page}, page), ".")];
    if (group.rows.some((row) => row.file)) {
      parts.push(note(`± is the standard deviation over folds. Verdicts: ${board.data.reading}.` +
        (group.reason ? ` Here nothing can be decided: ${group.reason}.` : "")));
    }
    for (const row of group.rows.filter(short)) {
      parts.push(h("p", {class: "note"}, `${row.label}, ${row.unranked}: ${FEWER.charAt(0).toLowerCase()}${FEWER.slice(1)} `, group.common.some(({rows}) => rows[row.label]) &&
        ["On the folds that another model has too: ", h("a", {href: board.address("compare", {group: group.id, model: row.label})}, "Compare"), "."]));
    }
    parts.push(...group.same_runs.map((line) => note(line)));
    if (group.not_below_baseline) parts.push(note(group.not_below_baseline));
    if (group.leaked) parts.push(note(group.leaked));
    if (group.rows.some((row) => row.stale)) parts.push(note(outdated(group) ? "A newer source of every model gives other numbers." : "† A newer source of the model gives other numbers."));
    if (!group.classes && board.data.published[group.task]) parts.push(h("h2", {}, "Published results"), ...published(group));
    if (group.failures.length) {
      parts.push(h("h2", {}, "Folds without a score"), board.table.plain(`Failed folds on ${group.task}`, [
        {label: "model", text: true, head: true, cell: (failure) => failure.label},
        {label: "fold", cell: (failure) => String(failure.fold + 1)},
        {label: "status", text: true, cell: (failure) => failure.status},
        {label: "reason", text: true, cell: (failure) => h("span", {class: "reason"}, failure.reason)},
      ], group.failures));
    }
    return parts;
  }

  function published(group) {
    const results = board.data.published[group.task];
    const unit = board.unit(group);
    const here = (result) => group.rows.find((row) => row.model === result.model && row.unchanged && row.loss);
    return [board.table.plain(`Published results of ${group.task}`, [
      {label: "model", text: true, head: true, cell: (result) => result.model},
      {label: unit ? `published MAE [${unit}]` : "published MAE", cell: (result) => result.std === null ? String(result.mae) : `${result.mae} ± ${result.std}`},
      {label: "here", cell: (result) => here(result) ? `${n.spread(here(result).loss)} (${here(result).label})` : n.missing},
      {label: "published training", cell: (result) => n.seconds(result.training_s)},
      {label: "epochs", cell: (result) => result.epochs === null ? n.missing : n.grouped(result.epochs)},
      {label: "source", text: true, cell: (result) => result.source},
      {label: "what differs", text: true, cell: (result) => h("span", {class: "reason"}, result.differs)},
    ], results), note("Of other machines, splits or releases, as the last column says: they show what is possible, not who is better.")];
  }

  function shortened(text) {
    return text.length > 120 ? `${text.slice(0, 119)}…` : text;
  }

  return {title, draw};
})();
