// Accuracy against cost: what more time, size or memory buys.
"use strict";

board.views.cost = (() => {
  const {h, select, tier, note} = board.dom;
  const n = board.numbers;
  const title = "Cost";
  const FORMATS = {training: n.seconds, inference: n.seconds, parameters: n.grouped, memory: n.bytes};

  function draw(place, state) {
    const contest = board.contest(state);
    if (!contest) return board.empty(place, title);
    const {costs, measured} = board.data;
    const cost = costs[state.cost] ? state.cost : "training";
    const apart = measured.includes(cost);
    const machine = apart ? chosenMachine(contest, state, cost) : 0;
    place.append(h("h1", {}, "Accuracy against cost"), board.chooser(contest,
      select("cost", Object.entries(costs), cost, (value) => board.go({cost: value})),
      apart && contest.machines.length > 1 && select("machine", contest.machines.map((name, index) => [String(index), name]), String(machine),
        (value) => board.go({machine: value}))));
    const rows = contest.rows.filter((row) => row.mae && row[cost] !== null && !row.baseline && (!apart || row.machine === machine));
    if (!rows.length) {
      place.append(note(`No run has a score and a value of "${costs[cost]}".`));
      return;
    }
    const front = contest.fronts[cost][machine].map((index) => contest.rows[index]);
    const figure = h("div", {});
    place.append(figure);
    board.guard(figure, plot(figure, contest, cost, rows, front));
    if (apart) place.append(note(`Measured on ${contest.machines[machine]}; other machines are never in one figure.`));
    place.append(table(contest, cost, rows, front));
  }

  // The machine asked for, or the one with most runs.
  function chosenMachine(contest, state, cost) {
    if (contest.machines[Number(state.machine)] && state.machine) return Number(state.machine);
    const counts = contest.machines.map((_, index) => contest.rows.filter((row) => row.machine === index && row[cost] !== null).length);
    return counts.indexOf(Math.max(...counts));
  }

  function plot(figure, contest, cost, rows, front) {
    const {axis, color, text} = board.plots;
    const unit = board.unit(contest);
    const hover = (row) => `${text(row.label)}<br>MAE ${n.spread(row.mae)} ${text(unit)}<br>${text(board.data.costs[cost].split(" [")[0])} ${FORMATS[cost](row[cost])}`;
    const points = (chosen, marker) => ({
      type: "scatter", mode: "markers+text", x: chosen.map((row) => row[cost]), y: chosen.map((row) => row.mae[0]),
      error_y: {type: "data", array: chosen.map((row) => row.mae[1] || 0), thickness: 1, width: 3, color: color("muted")},
      text: rows.length <= 20 ? chosen.map((row) => text(row.label)) : [], textposition: chosen.map((_, index) => index % 2 ? "top left" : "top right"),
      textfont: {size: 11, color: color("muted")}, hovertext: chosen.map(hover), hoverinfo: "text", marker, cliponaxis: false,
    });
    const others = rows.filter((row) => !front.includes(row));
    const traces = [
      {type: "scatter", mode: "lines", x: front.map((row) => row[cost]), y: front.map((row) => row.mae[0]), line: {shape: "hv", color: color("accent"), width: 1.5}, hoverinfo: "skip"},
      points(others, {color: color("paper"), size: 8, line: {color: color("muted"), width: 1.5}}),
      points(front, {color: color("accent"), size: 9}),
    ];
    // A line far above all points would press them together.
    const highest = Math.max(...rows.map((row) => row.mae[0] + (row.mae[1] || 0)));
    const level = contest.baseline !== null && contest.baseline < 1.6 * highest ? contest.baseline : null;
    return board.plots.draw(figure, traces, {
      height: 460, margin: {l: 64, r: 24, t: 16, b: 52},
      xaxis: axis(board.data.costs[cost], {type: "log", dtick: rows.length > 1 ? undefined : 1}), yaxis: axis(unit ? `MAE [${unit}]` : "MAE", {rangemode: "normal"}),
      shapes: level === null ? [] : [{type: "line", xref: "paper", x0: 0, x1: 1, y0: level, y1: level, line: {color: color("muted"), width: 1, dash: "dot"}}],
      annotations: level === null ? [] : [{xref: "paper", x: 1, xanchor: "right", y: level, yanchor: "bottom", text: "predicting the mean", showarrow: false, font: {size: 11, color: color("muted")}}],
    }, `MAE against ${board.data.costs[cost]} of ${n.many(rows.length, "run")}; bars are the standard deviation over folds. ` +
      `On the line, nothing is both cheaper and more accurate: ${front.map((row) => row.label).join(", ")}.`);
  }

  function table(contest, cost, rows, front) {
    const ordered = [...rows].sort((a, b) => a[cost] - b[cost]);
    return board.table.plain(`The same as a table, cheapest first`, [
      {label: "model", text: true, head: true, cell: (row) => row.label},
      {label: "tier", text: true, cell: (row) => row.tier ? tier(row.tier) : row.unranked},
      {label: board.data.costs[cost].split(" [")[0], cell: (row) => FORMATS[cost](row[cost])},
      {label: board.unit(contest) ? `MAE [${board.unit(contest)}]` : "MAE", cell: (row) => n.spread(row.mae)},
      {label: "on the front", text: true, cell: (row) => front.includes(row) ? "yes" : ""},
    ], ordered);
  }

  return {title, draw};
})();
