// What the board says in short: conclusions, models over tasks, and what is decided about every task.
"use strict";

board.views.overview = (() => {
  const {h, svg, select, note, verdict} = board.dom;
  const n = board.numbers;
  const title = "Overview";

  function draw(place, state) {
    const {tracks, comparison_groups: groups, own} = board.data;
    const conclusions = [...(own ? [own.said] : []), ...board.data.conclusions];
    place.append(h("h1", {}, "Which model predicts crystal properties best, and at what cost"));
    if (!groups.length) {
      place.append(h("p", {}, "There are no records yet. ", h("code", {}, "python -m benchmark run --all"), " makes some."));
      return;
    }
    const inShort = conclusions.length > 0 && h("section", {}, h("h2", {}, "In short"), h("ul", {class: "conclusions"}, conclusions.map((text) => h("li", {}, text))));
    const group = board.group(state);
    place.append(h("div", {class: "beside"}, group.picture && picture(group), inShort));
    const chosen = tracks.find((track) => track.title === state.track) || tracks[0];
    // Of one task, its own page says all.
    if (tracks.some((track) => track.comparison_groups.length > 1)) place.append(h("section", {},
      h("h2", {}, "Models over tasks"),
      tracks.length > 1 && h("div", {class: "controls"}, select("track",
        tracks.map((track) => [track.title, `${track.title} (${n.many(track.comparison_groups.length, "task")})`]), chosen.title,
        (value) => board.go({track: value}))),
      track(chosen)));
    place.append(h("section", {}, h("h2", {}, "Tasks"), tasks(groups)));
  }

  // A file of its own, so that it is there without the plotting library.
  function picture(group) {
    return h("section", {}, h("h2", {}, "Error and cost"), h("figure", {},
      h("img", {class: "picture", src: `details/${group.id}/cost.svg?v=${board.version}`, alt: group.picture.text}),
      h("figcaption", {}, `${group.picture.caption} `,
        h("a", {href: board.address("task", {group: group.id})}, "The numbers"), " · ",
        h("a", {href: board.address("cost", {group: group.id})}, "Other costs"))));
  }

  function track(chosen) {
    if (!chosen.standings.length) {
      return note("Fewer than two models have a score with their profile's own settings on the same tasks, so there is nothing to compare over tasks.");
    }
    return [trackTable(chosen), note(chosen.note)];
  }

  function trackTable(chosen) {
    const {loss} = board.kind(chosen);
    const most = Math.max(...chosen.standings.flatMap((row) => row.interval || [row.ratio]));
    const scored = chosen.standings.some((row) => row.score !== null);
    const columns = [
      chosen.decided && {label: "verdict", text: true, cell: (row) => verdict({standing: row.verdict, verdict: row.verdict})},
      {label: "model", text: true, head: true, cell: (row) => row.model},
      {label: `${loss} / best other`, cell: (row) => h("div", {class: "spread"}, limits(row.ratio, row.interval), row.interval && bar(row, most))},
      scored && {label: `${loss} / dummy`, cell: (row) => limits(row.score, row.score_interval)},
      {label: "rank", cell: (row) => [...new Set(row.ranks)].join(" – ")},
      {label: "mean rank", cell: (row) => n.fixed(row.mean_rank, 2)},
    ].filter(Boolean);
    return board.table.plain(`Models over tasks (${chosen.title})`, columns, chosen.standings);
  }

  function limits(value, interval) {
    return n.fixed(value, 3) + (interval ? ` [${interval.map((limit) => n.fixed(limit, 3)).join(", ")}]` : "");
  }

  // The interval as a line with a point, beside its numbers; the grey mark is 1.
  function bar(row, most) {
    const x = (value) => 2 + 156 * value / most;
    return svg("svg", {class: "interval", width: 160, height: 16, viewBox: "0 0 160 16", "aria-hidden": "true"},
      svg("line", {class: "unit", x1: x(1), x2: x(1), y1: 0, y2: 16}),
      svg("line", {class: "range", x1: x(row.interval[0]), x2: x(row.interval[1]), y1: 8, y2: 8}),
      svg("circle", {cx: x(row.ratio), cy: 8, r: 4}));
  }

  function tasks(groups) {
    return board.table.plain("What is decided about every task", [
      {label: "task", text: true, head: true, cell: (group) => h("a", {href: board.address("task", {group: group.id})}, group.task)},
      {label: "track", text: true, cell: (group) => group.track},
      {label: "crystals", cell: (group) => n.grouped(group.crystals)},
      {label: "runs", cell: (group) => String(group.rows.length)},
      {label: groups.some((group) => group.classes) ? "lowest MAE or log-loss" : "lowest MAE", cell: lowest},
      {label: "best or equal", text: true, cell: best},
      {label: "undecided", text: true, cell: (group) => named(group.rows.filter((row) => row.standing === "undecided"))},
    ], groups);
  }

  function lowest(group) {
    const best = group.rows.find((row) => row.file);
    return best ? `${n.spread(best.loss)} ${group.classes ? `(${board.kind(group).loss})` : board.unit(group)}` : n.missing;
  }

  function best(group) {
    const alone = !group.compares_models && board.data.comparison_groups.length > 1;
    if (alone && group.rows.some((row) => row.file)) return `${group.rows[0].label}, without a rival`;
    const found = group.rows.filter((row) => row.standing === "best or equal");
    // Where predicting the mean may be as good as the best.
    const doubtful = group.rows.some((row) => (row.baseline && ["best or equal", "undecided"].includes(row.standing)) ||
      (row.standing === "best or equal" && group.doubtful.includes(row.label)));
    const said = doubtful && group.not_below_baseline && note(group.not_below_baseline);
    if (found.length) return [verdict(found[0]), " ", named(found), said];
    if (!group.rows.some((row) => row.file)) return "no run has a score";
    return group.rows.some((row) => row.verdict) ? ["none is shown", said] : `${group.rows[0].label}, without a rival`;
  }

  function named(rows) {
    const names = rows.slice(0, 4).map((row) => row.label).join(", ");
    return rows.length > 4 ? `${names} and ${rows.length - 4} more` : names;
  }

  return {title, draw};
})();
