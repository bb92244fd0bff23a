// Two models on one task: which crystals each gets right, and whether the difference is real.
"use strict";

board.views.compare = (() => {
  const {h, select, note} = board.dom;
  const n = board.numbers;
  const title = "Compare";
  const [LISTED, SHOWN, BINS, DECADES] = [15, 2000, 60, 4];

  function draw(place, state) {
    const group = board.group(state);
    if (!group) return board.empty(place, title);
    const places = board.places(group);
    // Rows with fewer folds are compared on these.
    const together = (one, other) => one !== other && places.find(({rows}) => rows[one.label] && rows[other.label]);
    const rows = group.rows.filter((row) => group.rows.some((other) => together(row, other)));
    place.append(h("h1", {}, "Two models, crystal by crystal"), board.chooser(group));
    const controls = place.lastChild;
    if (rows.length < 2) {
      place.append(note("Comparing needs two runs with a score for every fold. This comparison group has fewer; choose another group or task."));
      return;
    }
    const own = (board.own(group) || {}).model;
    const a = rows.find((row) => row.label === state.model) || rows.find((row) => row.label === own) || rows[0];
    const others = rows.filter((row) => together(a, row));
    // One's own run stands beside the same model of others first.
    const b = others.find((row) => row.label === state.other) || (a.label === own && others.find((row) => row.model === a.model)) || others[0];
    const options = (some) => some.map((row) => [row.label, row.label]);
    const pick = (name, other) => (value) => board.go(value === other.label ? {model: b.label, other: a.label} : {model: a.label, other: b.label, [name]: value});
    controls.append(
      select("model A", options(rows), a.label, pick("model", b)), select("model B", options(rows.filter((row) => row === a || others.includes(row))), b.label, pick("other", a)),
      h("div", {class: "control"}, h("button", {type: "button", onclick: () => board.go({model: b.label, other: a.label})}, "Swap A and B")));
    const content = h("div", {"aria-busy": "true"}, note("Loading …"));
    place.append(content, note("Rows are compared within a comparison group: the same profile, folds and data. For two rows of different groups, " +
      `python -m benchmark leaderboard --pair A B --task ${group.task} says what to run.`));
    const where = together(a, b);
    const wanted = [board.details.ofGroup(where), board.details.ofModel(where, where.rows[a.label]), board.details.ofModel(where, where.rows[b.label])];
    board.guard(content, Promise.all(wanted).then((found) => content.isConnected && show(content, group, ...found)));
  }

  function show(content, group, shared, a, b) {
    const figure = h("div", {});
    content.removeAttribute("aria-busy");
    if (group.classes) {
      content.replaceChildren(verdict(group, shared, a, b), h("section", {}, h("h2", {}, "Difference by element"), elements(group, shared, a, b)),
        note("Of classes, single crystals of two models are not listed beside each other; the view of a model lists where it is most wrong."));
      return null;
    }
    const repeated = shared.ids.length;
    [shared, a, b] = board.details.once(shared, a, b);
    const means = shared.ids.length < repeated ? " A crystal that was predicted several times has the means over its predictions." : "";
    // More than 0 where A errs more.
    const worse = a.absolute.map((error, index) => error - b.absolute[index]);
    const order = [...worse.keys()].sort((i, j) => worse[i] - worse[j] || i - j);
    content.replaceChildren(verdict(group, shared, a, b),
      h("section", {}, h("h2", {}, "Errors of both on every crystal"), figure),
      h("section", {}, h("h2", {}, "Where they differ most"),
        note(`Difference: |error| of model A minus |error| of model B. Then the target, and the predictions of both.${means}`),
        h("div", {class: "beside"},
          list(`${a.label} is better`, group, shared, a, b, order.filter((index) => worse[index] < 0).slice(0, LISTED)),
          list(`${b.label} is better`, group, shared, a, b, order.reverse().filter((index) => worse[index] > 0).slice(0, LISTED)))),
      h("section", {}, h("h2", {}, "Difference by element"), elements(group, shared, a, b)));
    return scatter(figure, group, shared, a, b);
  }

  function verdict(group, shared, a, b) {
    const {pairs} = shared;
    const place = pairs.better.findIndex((better, index) => (better === a.label && pairs.worse[index] === b.label) || (better === b.label && pairs.worse[index] === a.label));
    const [better, worse] = pairs.better[place] === a.label ? [a, b] : [b, a];
    const size = shared.crystals;
    const [wins, losses] = [pairs.wins[place], pairs.losses[place]];
    const equal = size - wins - losses;
    return h("div", {class: "verdict"},
      h("p", {}, h("strong", {}, pairs.verdict[place]), " ", pairs.open[place]), pairs.command[place] && h("pre", {}, pairs.command[place]),
      h("p", {}, `${better.label} ${group.classes ? "gives the true class a higher probability" : "is nearer"} on ${n.percent(wins / size)} of ${n.grouped(size)} predictions of test crystals, ${worse.label} on ${n.percent(losses / size)}` +
        `${equal ? `; ${n.grouped(equal)} are equal` : ""}.`));
  }

  // Both axes logarithmic over the same decades; what is smaller lies on the rim.
  function scatter(figure, group, shared, a, b) {
    const {axis, color, text, lines} = board.plots;
    const size = shared.ids.length;
    const most = [...a.absolute, ...b.absolute].reduce((large, error) => Math.max(large, error), 0) || 1;
    const [low, high] = [Math.log10(most) - DECADES, Math.log10(most) + 0.1];
    const at = (error) => Math.max(low, Math.log10(Math.max(error, 1e-300)));
    const x = a.absolute.map(at);
    const y = b.absolute.map(at);
    const shown = size <= SHOWN ? [...x.keys()]
      : [...x.keys()].sort((i, j) => Math.abs(a.absolute[j] - b.absolute[j]) - Math.abs(a.absolute[i] - b.absolute[i]) || i - j).slice(0, 300);
    const traces = size > SHOWN ? [density(x, y, low, high)] : [];
    traces.push({type: "scatter", mode: "markers", x: shown.map((index) => x[index]), y: shown.map((index) => y[index]),
      marker: size > SHOWN ? {color: color("paper"), size: 5, line: {color: color("ink"), width: 1}} : {color: color("accent"), size: 5, opacity: 0.5},
      hovertext: shown.map((index) => [board.views.model.named(shared, index), `target ${n.significant(shared.target[index], 4)}`,
        ...[a, b].map((model) => `${model.label} ${n.significant(shared.target[index] + model.error[index], 4)}`)].map(text).join("<br>")), hoverinfo: "text"});
    const ticks = Array.from({length: DECADES + 2}, (_, index) => Math.floor(low) + index).filter((value) => value >= low && value <= high);
    const both = {range: [low, high], tickvals: ticks, ticktext: ticks.map((value) => n.significant(10 ** value, 1))};
    const [height, width] = [520, Math.min(560, figure.clientWidth)];
    const labelled = (model, length) => lines(board.views.model.labelled(`|error| of ${model.label}`, group), length - 120);
    return board.plots.draw(figure, traces, {
      height, width, xaxis: axis(labelled(a, width), both), yaxis: axis(labelled(b, height), both),
      shapes: [{type: "line", x0: low, x1: high, y0: low, y1: high, line: {color: color("muted"), width: 1, dash: "dot"}}],
    }, `|Error| of ${b.label} against |error| of ${a.label}, both logarithmic; above the dotted line ${a.label} is nearer; errors below ${n.significant(10 ** low, 1)} lie on the rim. ` +
      (size > SHOWN ? `Colour: how many of ${n.grouped(size)} crystals; circles: the 300 that differ most.` : `${n.many(size, "crystal")}.`));
  }

  function density(x, y, low, high) {
    const grid = Array.from({length: BINS}, () => new Array(BINS).fill(0));
    const bin = (value) => Math.min(BINS - 1, Math.max(0, Math.floor((value - low) / (high - low) * BINS)));
    x.forEach((value, index) => { grid[bin(y[index])][bin(value)] += 1; });
    const middles = Array.from({length: BINS}, (_, index) => low + (index + 0.5) * (high - low) / BINS);
    return {type: "heatmap", x: middles, y: middles, z: grid.map((line) => line.map((count) => count ? Math.log10(count) : null)), customdata: grid,
      colorscale: board.plots.scale(), showscale: false, hovertemplate: "%{customdata} crystals<extra></extra>"};
  }

  function list(caption, group, shared, a, b, rows) {
    if (!rows.length) return h("div", {}, h("h3", {}, caption), note("On no crystal."));
    const value = (model, index) => n.significant(shared.target[index] + model.error[index], 4);
    return h("div", {}, h("h3", {}, caption), board.table.plain(`${caption}: the largest differences`, [
      ...board.views.model.naming(shared),
      {label: "difference", cell: (index) => n.signed(a.absolute[index] - b.absolute[index])},
      {label: board.views.model.labelled("target", group), cell: (index) => n.significant(shared.target[index], 4)},
      {label: a.label, cell: (index) => value(a, index)},
      {label: b.label, cell: (index) => value(b, index)},
    ], rows));
  }

  function elements(group, shared, a, b) {
    if (!shared.elements) return note("There is no picture, as the compositions of these crystals are not beside the records.");
    const unit = board.unit(group);
    const {loss} = board.kind(group);
    const differences = a.elements.map((value, index) => value - b.elements[index]);
    const most = Math.max(...differences.map(Math.abs)) || 1;
    const shown = n.alike(differences);
    const values = new Map(shared.elements.symbols.map((symbol, index) => [symbol, {
      text: (differences[index] > 0 ? "+" : "") + shown(differences[index]), share: -differences[index] / most,
      words: `${symbol}: ${loss} ${n.significant(a.elements[index])} with ${a.label}, ${n.significant(b.elements[index])} ${unit} with ${b.label}; ${n.many(shared.elements.counts[index], "crystal")}`,
    }]));
    return [...board.elements.table(`${loss} of ${a.label} minus ${loss} of ${b.label} by element`, values),
      note(`${loss} of ${a.label} minus ${loss} of ${b.label}${unit ? `, in ${unit}` : ""}: negative where ${a.label} is better.`)];
  }

  return {title, draw};
})();
