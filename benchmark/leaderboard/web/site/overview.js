// What the board says in short: conclusions, models over tasks, and what is decided about every task.
"use strict";

board.views.overview = (() => {
  const {h, svg, select, note, verdict} = board.dom;
  const n = board.numbers;
  const title = "Overview";

  function draw(place, state) {
    const {tracks, comparison_groups: groups, conclusions} = board.data;
    place.append(h("h1", {}, "Which model predicts crystal properties best, and at what cost"));
    if (!groups.length) {
      place.append(h("p", {}, "There are no records yet. ", h("code", {}, "python -m benchmark run --all"), " makes some."));
      return;
    }
    if (conclusions.length) place.append(h("section", {}, h("h2", {}, "In short"), h("ul", {class: "conclusions"}, conclusions.map((text) => h("li", {}, text)))));
    const chosen = tracks.find((track) => track.title === state.track) || tracks[0];
    place.append(h("section", {},
      h("h2", {}, "Models over tasks"),
      tracks.length > 1 && h("div", {class: "controls"}, select("track",
        tracks.map((track) => [track.title, `${track.title} (${n.many(track.comparison_groups.length, "task")})`]), chosen.title,
        (value) => board.go({track: value}))),
      track(chosen)));
    place.append(h("section", {}, h("h2", {}, "Tasks"), tasks(groups)));
  }

  function track(chosen) {
    const parts = [];
    if (!chosen.models.length) {
      return note("Fewer than two models have a score with their profile's own settings on the same tasks, so there is nothing to compare over tasks.");
    }
    const {overall, ranks} = chosen;
    const known = overall && overall.models.length;
    if (known || ranks) parts.push(trackTable(chosen, known ? overall : null, ranks));
    if (known) {
      const {loss, baseline} = board.kind(chosen);
      parts.push(note(`Overall score: mean over ${n.many(overall.tasks.length, "task")} of ${loss} / ${loss} of ${baseline}; ` +
        `1 is no better than that, 0 is perfect. The interval is over folds and crystals; the grey mark is 1. Tasks: ${overall.tasks.join(", ")}.`));
    }
    for (const [task, why] of overall ? overall.left_out : []) parts.push(note(`Left out: ${task}, ${why}.`));
    if (ranks) parts.push(h("h3", {}, "Which ranks differ"), diagram(ranks), note(rankText(ranks)));
    else parts.push(note("Ranks need two models."));
    return parts;
  }

  function trackTable(chosen, overall, ranks) {
    const rows = (overall || ranks).models.map((model) => {
      const place = overall ? overall.models.indexOf(model) : -1;
      const rank = ranks ? ranks.models.indexOf(model) : -1;
      return {
        model, score: overall && overall.scores[place], interval: overall && overall.intervals[place],
        rank: rank >= 0 ? ranks.mean_ranks[rank] : null,
      };
    });
    const columns = [
      {label: "model", text: true, head: true, cell: (row) => row.model},
      overall && {label: "overall score", cell: (row) => n.fixed(row.score, 3)},
      overall && {label: `${board.data.confidence} interval`, cell: (row) => h("div", {class: "spread"},
        `[${row.interval.map((value) => n.fixed(value, 3)).join(", ")}]`, bar(row, overall))},
      ranks && {label: "mean rank", cell: (row) => n.fixed(row.rank, 2)},
    ].filter(Boolean);
    return board.table.plain(`Models over tasks (${chosen.title})`, columns, rows);
  }

  // The interval as a line with a point, beside its numbers.
  function bar(row, overall) {
    const most = Math.max(1, ...overall.intervals.map((interval) => interval[1]));
    const x = (value) => 2 + 156 * value / most;
    return svg("svg", {class: "interval", width: 160, height: 16, viewBox: "0 0 160 16", "aria-hidden": "true"},
      svg("line", {class: "unit", x1: x(1), x2: x(1), y1: 0, y2: 16}),
      svg("line", {class: "range", x1: x(row.interval[0]), x2: x(row.interval[1]), y1: 8, y2: 8}),
      svg("circle", {cx: x(row.score), cy: 8, r: 4}));
  }

  function rankText(ranks) {
    const over = `Mean ranks over ${n.many(ranks.n_tasks, "task")}, 1 is best. `;
    if (ranks.reason) return `${over}Nothing is separated: ${ranks.reason}.`;
    const test = ranks.friedman_p === null ? "" : ` (Friedman p = ${n.p(ranks.friedman_p)})`;
    return `${over}Models joined by a bar cannot be told apart by ${board.data.rank_test}${test}. ` +
      (ranks.cliques.length ? `Joined: ${ranks.cliques.map((clique) => clique.join(", ")).join("; ")}.` : "All can be told apart.");
  }

  // Demšar's diagram: models along the axis of mean ranks, the better half written on the left.
  function diagram(ranks) {
    const count = ranks.models.length;
    const [width, left, right, top, step] = [760, 190, 570, 34, 20];
    const half = Math.ceil(count / 2);
    const bars = 12 + 8 * ranks.cliques.length;
    const height = top + bars + half * step + 16;
    const last = Math.max(2, count);
    const x = (rank) => left + (right - left) * (rank - 1) / (last - 1);
    const every = Math.ceil(last / 12);
    const ticks = Array.from({length: last}, (_, index) => index + 1).filter((rank) => (rank - 1) % every === 0);
    const drawing = svg("svg", {class: "diagram", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `Critical-difference diagram. ${rankText(ranks)}`},
      svg("line", {x1: left, x2: right, y1: top, y2: top}),
      ticks.map((rank) => [svg("line", {x1: x(rank), x2: x(rank), y1: top - 5, y2: top}),
        svg("text", {x: x(rank), y: top - 10, "text-anchor": "middle"}, String(rank))]),
      ranks.models.map((model, index) => {
        const early = index < half;
        const y = top + bars + (early ? index : count - 1 - index) * step + 8;
        const at = x(ranks.mean_ranks[index]);
        const end = early ? left - 12 : right + 12;
        return [svg("polyline", {points: `${at},${top} ${at},${y} ${end},${y}`}),
          svg("text", {x: early ? end - 5 : end + 5, y: y + 4, "text-anchor": early ? "end" : "start"},
            early ? `${model}  ${n.fixed(ranks.mean_ranks[index], 2)}` : `${n.fixed(ranks.mean_ranks[index], 2)}  ${model}`)];
      }),
      ranks.cliques.map((clique, index) => {
        const places = clique.map((model) => x(ranks.mean_ranks[ranks.models.indexOf(model)]));
        const y = top + 9 + 8 * index;
        return svg("line", {class: "clique", x1: Math.min(...places) - 4, x2: Math.max(...places) + 4, y1: y, y2: y});
      }));
    return board.dom.scroller("Critical-difference diagram", drawing);
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
    const found = group.rows.filter((row) => row.standing === "best or equal");
    if (found.length) return [verdict(found[0]), " ", named(found)];
    if (!group.rows.some((row) => row.file)) return "no run has a score";
    return group.rows.some((row) => row.verdict) ? "none is shown" : `${group.rows[0].label}, without a rival`;
  }

  function named(rows) {
    const names = rows.slice(0, 4).map((row) => row.label).join(", ");
    return rows.length > 4 ? `${names} and ${rows.length - 4} more` : names;
  }

  return {title, draw};
})();
