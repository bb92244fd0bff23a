// One task: its runs as a table that a reader sorts and filters, failures with their reasons, published figures.
"use strict";

board.views.task = (() => {
  const {h, select, check, search, tier, note} = board.dom;
  const n = board.numbers;
  const title = "Task";
  const TIMES = ["training", "inference"];

  function columns(contest) {
    const first = (pair) => pair && pair[0];
    const unit = board.unit(contest);
    return [
      {key: "label", label: "model", text: true, head: true, cell: (row) => named(row, outdated(contest)), value: (row) => row.label},
      {key: "tier", label: "tier", text: true, cell: ranked, value: (row) => row.tier},
      {key: "mae", label: unit ? `MAE [${unit}]` : "MAE", cell: (row) => n.spread(row.mae), value: (row) => first(row.mae)},
      {key: "rmse", label: unit ? `RMSE [${unit}]` : "RMSE", cell: (row) => n.spread(row.rmse), value: (row) => first(row.rmse)},
      {key: "r2", label: "R²", cell: (row) => n.fixed(row.r2, 3), value: (row) => row.r2},
      {key: "relative", label: "MAE / dummy", cell: (row) => n.fixed(row.relative, 3), value: (row) => row.relative, hint: "1 is the model that predicts the mean"},
      {key: "training", label: "training / fold", cell: (row) => n.seconds(row.training), value: (row) => row.training},
      {key: "inference", label: "inference / 1,000", cell: (row) => n.seconds(row.inference), value: (row) => row.inference, hint: "seconds for 1,000 crystals"},
      {key: "parameters", label: "parameters", cell: parameters, value: (row) => row.parameters},
      {key: "checkpoint", label: "checkpoint", cell: (row) => n.bytes(row.checkpoint), value: (row) => row.checkpoint},
      {key: "memory", label: "peak memory", cell: (row) => n.bytes(row.memory), value: (row) => row.memory},
      {key: "epochs", label: "epochs", cell: (row) => row.epochs ? String(row.epochs) : n.missing, value: (row) => row.epochs},
      {key: "folds", label: "folds", cell: (row) => String(row.folds), value: (row) => row.folds},
      {key: "device", label: "device", text: true, cell: (row) => row.device, value: (row) => row.device},
      {key: "machine", label: "machine", text: true, cell: (row) => contest.machines[row.machine], value: (row) => contest.machines[row.machine]},
    ];
  }

  function named(row, all) {
    const name = row.file ? h("a", {href: board.address("model", {contest: board.state.contest, model: row.label})}, row.label) : row.label;
    return [name, row.stale && !all && h("span", {class: "stale", title: "older source"}, "†", h("span", {class: "hidden"}, " older source")), row.why && h("span", {class: "why"}, row.why)];
  }

  // Where every run is stale, one sentence says so.
  function outdated(contest) {
    return contest.rows.every((row) => row.stale);
  }

  function ranked(row) {
    return row.tier ? tier(row.tier) : h("span", {class: `mark ${row.status ? "failed" : ""}`}, row.status || row.unranked);
  }

  function parameters(row) {
    return row.parameters === row.fewest_parameters ? n.grouped(row.parameters) : `${n.grouped(row.fewest_parameters)} – ${n.grouped(row.parameters)}`;
  }

  function draw(place, state) {
    const contest = board.contest(state);
    if (!contest) return board.empty(place, title);
    place.append(h("h1", {}, contest.task), board.chooser(contest));
    place.append(h("p", {class: "facts"}, facts(contest)));
    for (const row of contest.rows) {
      const reasons = contest.failures.filter((failure) => failure.label === row.label);
      row.why = row.file || !reasons.length ? null : shortened(reasons[0].reason);
    }
    const frame = h("div", {class: "scroller", role: "region", "aria-label": "Runs", tabindex: "0"});
    const said = h("p", {class: "said", role: "status"});
    const view = {filter: state.filter || "", sort: state.sort || "mae", descending: state.order === "descending",
      current: state.stale === "hide", whole: state.failed === "hide", machine: contest.machines[state.machine] ? state.machine : ""};
    const change = (changes) => {
      Object.assign(view, changes);
      board.remember({filter: view.filter, sort: view.sort === "mae" ? "" : view.sort, order: view.descending ? "descending" : "",
        stale: view.current ? "hide" : "", failed: view.whole ? "hide" : "", machine: view.machine});
      fill(frame, said, contest, view, change);
    };
    place.append(h("div", {class: "controls"},
      search("filter models", view.filter, (filter) => change({filter})),
      contest.machines.length > 1 && select("machine", [["", "all machines"], ...contest.machines.map((name, index) => [String(index), name])], view.machine,
        (machine) => change({machine})),
      contest.rows.some((row) => row.stale) && check("hide runs of an older source", view.current, (current) => change({current})),
      contest.rows.some((row) => !row.file) && check("hide failures and unranked runs", view.whole, (whole) => change({whole}))));
    place.append(said, frame);
    fill(frame, said, contest, view, change);
    place.append(...below(contest));
  }

  function facts(contest) {
    const words = [n.many(contest.crystals, "crystal"), contest.title, n.many(contest.folds, "fold")];
    if (contest.baseline !== null) words.push(`predicting the mean errs by ${n.significant(contest.baseline, 4)} ${board.unit(contest)}`.trim());
    return `${words.join(" · ")}.`;
  }

  function fill(frame, said, contest, view, change) {
    const shown = contest.rows.filter((row) => row.label.toLowerCase().includes(view.filter.trim().toLowerCase()) &&
      !(view.current && row.stale) && !(view.whole && !row.file) && (view.machine === "" || String(row.machine) === view.machine));
    const all = columns(contest);
    const column = all.find((other) => other.key === view.sort) || all.find((other) => other.key === "mae");
    const rows = board.table.sorted(shown, column, view.descending);
    const timed = rows.filter((row) => row[column.key] !== null);
    const apart = TIMES.includes(column.key) && new Set(timed.map((row) => row.machine)).size > 1;
    const bodies = apart ? [...contest.machines.map((name, index) => [name, timed.filter((row) => row.machine === index)]),
      ["without a time", rows.filter((row) => !timed.includes(row))]] : [[null, rows]];
    const resort = (key) => {
      change({sort: key, descending: view.sort === key ? !view.descending : false});
      frame.querySelector(`[data-sort="${key}"]`).focus();
    };
    const at = frame.scrollLeft;
    frame.replaceChildren(h("table", {class: "runs"},
      h("caption", {}, `Runs on ${contest.task}`),
      board.table.heads(all, {key: column.key, descending: view.descending}, resort),
      bodies.filter(([, group]) => group.length).map(([name, group]) => h("tbody", {},
        name && h("tr", {class: "machine"}, h("th", {colspan: all.length, scope: "rowgroup", class: "text"}, h("span", {}, name))),
        group.map((row) => board.table.line(all, row, {class: row.file ? null : "unranked"}))))));
    frame.scrollLeft = at;
    said.textContent = `${shown.length} of ${n.many(contest.rows.length, "run")}` +
      (apart ? ". Times of different machines cannot be compared, so each machine is sorted by itself." : "");
  }

  function below(contest) {
    const page = `tasks/${contest.task.split("/").map(encodeURIComponent).join("/")}.md`;
    const parts = [h("p", {class: "note"}, "Settings, machines, versions and the command that runs it again: ", h("a", {href: page}, page), ".")];
    if (contest.rows.some((row) => row.file)) {
      parts.push(note("± is the standard deviation over folds. Runs of one tier cannot be told apart from its best by " +
        `${board.data.tests}.` + (contest.reason ? ` Here nothing is separated: ${contest.reason}.` : "")));
    }
    if (contest.rows.some((row) => row.stale)) parts.push(note(outdated(contest) ? "A newer source of every model gives other numbers." : "† A newer source of the model gives other numbers."));
    if (board.data.published[contest.task]) parts.push(h("h2", {}, "Published figures"), ...published(contest));
    if (contest.failures.length) {
      parts.push(h("h2", {}, "Folds without a score"), board.table.plain(`Failed folds on ${contest.task}`, [
        {label: "model", text: true, head: true, cell: (failure) => failure.label},
        {label: "fold", cell: (failure) => String(failure.fold)},
        {label: "status", text: true, cell: (failure) => failure.status},
        {label: "reason", text: true, cell: (failure) => h("span", {class: "reason"}, failure.reason)},
      ], contest.failures));
    }
    return parts;
  }

  function published(contest) {
    const figures = board.data.published[contest.task];
    const unit = board.unit(contest);
    const here = (figure) => contest.rows.find((row) => row.label === figure.model && row.mae);
    return [board.table.plain(`Published figures of ${contest.task}`, [
      {label: "model", text: true, head: true, cell: (figure) => figure.model},
      {label: unit ? `published MAE [${unit}]` : "published MAE", cell: (figure) => figure.std === null ? String(figure.mae) : `${figure.mae} ± ${figure.std}`},
      {label: "here", cell: (figure) => here(figure) ? n.spread(here(figure).mae) : n.missing},
      {label: "published training", cell: (figure) => n.seconds(figure.training_s)},
      {label: "epochs", cell: (figure) => figure.epochs === null ? n.missing : n.grouped(figure.epochs)},
      {label: "source", text: true, cell: (figure) => figure.source},
      {label: "what differs", text: true, cell: (figure) => h("span", {class: "reason"}, figure.differs)},
    ], figures), note("Of other machines, divisions or releases, as the last column says: they show what is possible, not who is better.")];
  }

  function shortened(text) {
    return text.length > 120 ? `${text.slice(0, 119)}…` : text;
  }

  return {title, draw};
})();
