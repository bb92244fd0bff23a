// Accuracy against cost: what more time, size or memory buys.
"use strict";

board.views.cost = (() => {
  const {h, select, verdict, note} = board.dom;
  const n = board.numbers;
  const title = "Cost";
  const HEIGHT = 460;
  const MARGIN = {l: 64, r: 24, t: 16, b: 52};
  const FORMATS = {training_device: n.seconds, training: n.seconds, inference: n.seconds, parameters: n.grouped, memory: n.bytes};
  const round = (value) => `${n.significant(value, 1)} s`;
  const TICKS = {...FORMATS, training_device: round, training: round, inference: round, memory: (value) => n.bytes(value).replace(/\.0+ /, " ")};

  function draw(place, state) {
    const group = board.group(state);
    if (!group) return board.empty(place, title);
    const {costs, measured} = board.data;
    const cost = costs[state.cost] ? state.cost : Object.keys(costs)[0];
    const apart = measured.includes(cost);
    const machine = apart ? chosenMachine(group, state, cost) : 0;
    place.append(h("h1", {}, "Accuracy against cost"), board.chooser(group,
      select("cost", Object.entries(costs), cost, (value) => board.go({cost: value})),
      apart && group.machines.length > 1 && select("machine", group.machines.map((name, index) => [String(index), name]), String(machine),
        (value) => board.go({machine: value}))));
    const able = group.rows.filter((row) => row.loss && row[cost] !== null && !row.baseline);
    const rows = able.filter((row) => !apart || row.machine === machine);
    if (!rows.length) {
      place.append(note(`No run has a score and a value of "${costs[cost]}".`));
      return;
    }
    const front = group.fronts[cost][machine].map((index) => group.rows[index]);
    const figure = h("div", {});
    place.append(figure);
    board.guard(figure, plot(figure, group, cost, rows, front));
    const elsewhere = able.length - rows.length;
    if (apart) place.append(note(`Measured on ${group.machines[machine]}; other machines are never in one figure.` +
      (elsewhere ? ` ${n.many(elsewhere, "run")} of other machines: choose the machine above.` : "")));
    place.append(table(group, cost, rows, front));
  }

  // The machine asked for, or the one with most runs.
  function chosenMachine(group, state, cost) {
    if (group.machines[Number(state.machine)] && state.machine) return Number(state.machine);
    const counts = group.machines.map((_, index) => group.rows.filter((row) => row.machine === index && row[cost] !== null).length);
    return counts.indexOf(Math.max(...counts));
  }

  function plot(figure, group, cost, rows, front) {
    const {axis, color, text} = board.plots;
    const unit = board.unit(group);
    const {loss, baseline} = board.kind(group);
    const hover = (row) => `${text(row.label)}<br>${loss} ${n.spread(row.loss)} ${text(unit)}<br>${text(board.data.costs[cost].split(" [")[0])} ${FORMATS[cost](row[cost])}`;
    // A line far above all points would press them together.
    const highest = Math.max(...rows.map((row) => row.loss[0] + (row.loss[1] || 0)));
    const level = group.baseline !== null && group.baseline < 1.6 * highest ? group.baseline : null;
    const x = padded(rows.map((row) => Math.log10(row[cost])), 0.3);
    const y = padded([...rows.flatMap((row) => [row.loss[0] - (row.loss[1] || 0), row.loss[0] + (row.loss[1] || 0)]), level === null ? highest : level], highest / 10);
    const others = rows.filter((row) => !front.includes(row));
    const names = named([...front, ...others], cost, x, y, Math.min(860, figure.clientWidth));
    const points = (chosen, marker) => ({
      type: "scatter", mode: "markers+text", x: chosen.map((row) => row[cost]), y: chosen.map((row) => row.loss[0]),
      error_y: {type: "data", array: chosen.map((row) => row.loss[1] || 0), thickness: 1, width: 3, color: color("muted")},
      text: chosen.map((row) => names.has(row) ? text(row.label) : ""), textposition: chosen.map((row) => names.get(row) || "top right"),
      textfont: {size: 11, color: color("ink")}, hovertext: chosen.map(hover), hoverinfo: "text", marker,
    });
    const traces = [
      {type: "scatter", mode: "lines", x: front.map((row) => row[cost]), y: front.map((row) => row.loss[0]), line: {shape: "hv", color: color("accent"), width: 1.5}, hoverinfo: "skip"},
      points(others, {color: color("paper"), size: 8, line: {color: color("muted"), width: 1.5}}),
      points(front, {color: color("accent"), size: 9}),
    ];
    return board.plots.draw(figure, traces, {
      height: HEIGHT, margin: MARGIN, xaxis: axis(board.data.costs[cost].split(" [")[0], {type: "log", range: x, ...ticks(x, TICKS[cost])}),
      yaxis: axis(board.views.model.labelled(loss, group), {range: y}),
      shapes: level === null ? [] : [{type: "line", xref: "paper", x0: 0, x1: 1, y0: level, y1: level, line: {color: color("muted"), width: 1, dash: "dot"}}],
      annotations: level === null ? [] : [{xref: "paper", x: 0, xanchor: "left", y: level, yanchor: "bottom", text: baseline, showarrow: false, font: {size: 11, color: color("muted")}}],
    }, `${loss} against ${board.data.costs[cost].split(" [")[0]} of ${n.many(rows.length, "run")}; bars are ± 1 standard deviation over folds, not the 95 % intervals of the overview's picture. ` +
      `No run is both cheaper and more accurate than a filled point${front.length > 1 ? ", on the solid line" : ""}: ${front.map((row) => row.label).join(", ")}.` +
      (level === null ? "" : ` The dotted line is ${baseline}.`));
  }

  // The range of an axis; `alone` is half of that of a single value.
  function padded(values, alone) {
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const margin = high > low ? 0.07 * (high - low) : alone || 1;
    return [low - margin, high + margin];
  }

  // Powers of ten; between few of them also twice and five times.
  function ticks([low, high], format) {
    const steps = high - low < 2.5 ? [1, 2, 5] : [1];
    const values = [];
    for (let power = Math.floor(low); power <= high; power += 1) {
      values.push(...steps.map((step) => step * 10 ** power).filter((value) => Math.log10(value) >= low && Math.log10(value) <= high));
    }
    return {tickvals: values, ticktext: values.map(format)};
  }

  // Where each name stands beside its point: the first place that is free, and none where none is. The front comes first.
  function named(rows, cost, x, y, width) {
    const [across, down] = [width - MARGIN.l - MARGIN.r, HEIGHT - MARGIN.t - MARGIN.b];
    const at = (row) => [across * (Math.log10(row[cost]) - x[0]) / (x[1] - x[0]), down * (y[1] - row.loss[0]) / (y[1] - y[0])];
    const taken = rows.map((row) => at(row)).map(([left, top]) => [left - 5, top - 5, left + 5, top + 5]);
    const found = new Map();
    for (const row of rows) {
      const [left, top] = at(row);
      const length = 6.6 * row.label.length;
      const boxes = {
        "top right": [left + 5, top - 19, left + 5 + length, top - 5], "bottom right": [left + 5, top + 5, left + 5 + length, top + 19],
        "top left": [left - 5 - length, top - 19, left - 5, top - 5], "bottom left": [left - 5 - length, top + 5, left - 5, top + 19],
      };
      const free = Object.entries(boxes).find(([, box]) => box[0] >= 0 && box[2] <= across && box[1] >= 0 && box[3] <= down &&
        taken.every((other) => box[2] <= other[0] || other[2] <= box[0] || box[3] <= other[1] || other[3] <= box[1]));
      if (free) {
        found.set(row, free[0]);
        taken.push(free[1]);
      }
    }
    return found;
  }

  function table(group, cost, rows, front) {
    const ordered = [...rows].sort((a, b) => a[cost] - b[cost]);
    return board.table.plain(`The same as a table, cheapest first`, [
      {label: "model", text: true, head: true, cell: (row) => row.label},
      {label: "verdict", text: true, cell: (row) => row.verdict ? verdict(row) : row.unranked},
      {label: board.data.costs[cost].split(" [")[0], cell: (row) => FORMATS[cost](row[cost])},
      {label: board.views.model.labelled(board.kind(group).loss, group), cell: (row) => n.spread(row.loss)},
      {label: "on the front", text: true, cell: (row) => front.includes(row) ? "yes" : ""},
    ], ordered);
  }

  return {title, draw};
})();
