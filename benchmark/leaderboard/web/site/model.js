// One model on one task: where its errors are.
"use strict";

board.views.model = (() => {
  const {h, select, verdict, note} = board.dom;
  const n = board.numbers;
  const title = "Model";
  const WORST = 20;

  function draw(place, state) {
    const group = board.group(state);
    if (!group) return board.empty(place, title);
    const where = (row) => board.places(group).find(({rows: those}) => those[row.label]);
    const rows = group.rows.filter(where);
    const row = rows.find((one) => one.label === state.model) || rows.find((one) => one.label === (board.own(group) || {}).model) || rows[0];
    place.append(h("h1", {}, "Errors of a model"), board.chooser(group, row && modelSelect(rows, row)));
    if (!rows.length) {
      place.append(note("No run of this task has a score for every fold, so there are no errors to show."));
      return;
    }
    place.append(h("p", {class: "facts"}, row.verdict ? verdict(row) : row.unranked, ` · ${scores(group, row)}`));
    const content = h("div", {"aria-busy": "true"}, note("Loading …"));
    place.append(content);
    const from = where(row);
    board.guard(content, Promise.all([board.details.ofGroup(from), board.details.ofModel(from, from.rows[row.label])])
      .then(([shared, own]) => content.isConnected && show(content, group, row, shared, own)));
  }

  // As the table of the task has them.
  function scores(group, row) {
    const words = board.kind(group).columns.map((column, index) => [column, row.cells[index][1] === null ? n.missing : row.cells[index][0]]);
    return words.filter(([column, cell]) => column.score && !(column.optional && cell === n.missing)).map(([{heading, in_unit}, cell]) => `${heading} ${cell} ${in_unit ? board.unit(group) : ""}`.trim()).join(", ");
  }

  function modelSelect(rows, row) {
    return select("model", rows.map((one) => [one.label, one.label]), row.label, (value) => board.go({model: value}));
  }

  async function show(content, group, row, shared, own) {
    const [parity, histogram, banded] = [h("div", {}), h("div", {}), h("div", {})];
    content.removeAttribute("aria-busy");
    if (group.classes) return board.classes.model(content, group, row, shared, own);
    content.replaceChildren(
      h("section", {}, h("h2", {}, "Prediction against target"), parity),
      h("section", {}, h("h2", {}, "Distribution of errors"), histogram),
      h("section", {}, h("h2", {}, "Error by element"), elements(group, row, shared, own)),
      h("section", {}, h("h2", {}, "Error by target value"), banded),
      h("section", {}, h("h2", {}, "Largest errors"), worst(group, shared, own)));
    await drawParity(parity, group, row, shared, own);
    await drawHistogram(histogram, group, row, own);
    await drawBands(banded, group, row, shared, own);
  }

  function labelled(words, group) {
    const unit = board.unit(group);
    return unit ? `${words} [${unit}]` : words;
  }

  // Plain text of a crystal; what goes into a hover goes through plots.text.
  function crystal(shared, own, index) {
    return [named(shared, index), `target ${n.significant(shared.target[index], 4)}`, `prediction ${n.significant(shared.target[index] + own.error[index], 4)}`];
  }

  // The id, and what the crystal is made of where that is known.
  function named(shared, index) {
    return shared.held ? `${shared.ids[index]} (${shared.held.texts[shared.heldBy[index]]})` : shared.ids[index];
  }

  // The columns that name a crystal in a table.
  function naming(shared) {
    const id = {label: "crystal", text: true, head: true, cell: (index) => shared.ids[index]};
    return shared.held ? [id, {label: "elements", text: true, cell: (index) => shared.held.texts[shared.heldBy[index]]}] : [id];
  }

  function drawParity(place, group, row, shared, own) {
    const {axis, color, scale, text} = board.plots;
    const size = shared.ids.length;
    const crystals = new Set(shared.ids).size;
    const words = `Predictions of ${row.label} against targets of ${n.many(crystals, "test crystal")}${crystals < size ? `, in ${n.many(size, "prediction")}` : ""}`;
    let [low, high] = own.density ? own.density.range : [Infinity, -Infinity];
    const traces = [];
    if (own.density) {
      own.density.grid ||= grid(board.details.unpacked(own.density.counts, Uint32Array));
      const middles = centers(low, high, own.density.grid.length);
      traces.push({type: "heatmap", x: middles, y: middles, z: own.density.grid.map((line) => line.map((count) => count ? Math.log10(count) : null)),
        customdata: own.density.grid, hovertemplate: "%{customdata} predictions<br>target %{x:.4g}<br>prediction %{y:.4g}<extra></extra>",
        colorscale: scale(), showscale: false});
    } else {
      const predicted = own.error.map((error, index) => shared.target[index] + error);
      for (const value of [...shared.target, ...predicted]) [low, high] = [Math.min(low, value), Math.max(high, value)];
      traces.push({type: "scatter", mode: "markers", x: [...shared.target], y: [...predicted], marker: {color: color("accent"), size: 5, opacity: 0.5},
        hovertext: shared.ids.map((_, index) => crystal(shared, own, index).map(text).join("<br>")), hoverinfo: "text"});
    }
    if (!own.density) [low, high] = [low - 0.03 * (high - low || 1), high + 0.03 * (high - low || 1)];
    const inside = own.density ? own.density.grid.flat().reduce((sum, count) => sum + count, 0) : size;
    const beyond = inside < size ? `; ${n.grouped(size - inside)} lie outside the picture` : "";
    return board.plots.draw(place, traces, {
      height: 520, width: Math.min(560, place.clientWidth), xaxis: axis(labelled("target", group), {range: [low, high]}), yaxis: axis(labelled("prediction", group), {range: [low, high]}),
      shapes: [{type: "line", x0: low, x1: high, y0: low, y1: high, line: {color: color("muted"), width: 1, dash: "dot"}}],
    }, `${words}; on the dotted line they are equal${own.density ? `. The ${board.dark() ? "brighter" : "darker"}, the more crystals (logarithmic)` : ""}${beyond}.`);
  }

  function grid(counts) {
    const size = Math.round(Math.sqrt(counts.length));
    return Array.from({length: size}, (_, line) => Array.from(counts.subarray(line * size, (line + 1) * size)));
  }

  function centers(low, high, count) {
    return Array.from({length: count}, (_, index) => low + (index + 0.5) * (high - low) / count);
  }

  function drawHistogram(place, group, row, own) {
    const {axis, color} = board.plots;
    const {half, counts} = own.histogram;
    const total = counts.reduce((sum, count) => sum + count, 0);
    const beyond = own.error.length - total;
    return board.plots.draw(place, [{type: "bar", x: centers(-half, half, counts.length), y: counts, width: 2 * half / counts.length,
      marker: {color: color("accent"), line: {color: color("paper"), width: 1}}, hovertemplate: "%{y} predictions around %{x:.3g}<extra></extra>"}], {
      height: 300, bargap: 0, xaxis: axis(labelled("prediction − target", group), {range: [-half, half]}), yaxis: axis("predictions", {}),
      shapes: [{type: "line", x0: 0, x1: 0, yref: "paper", y0: 0, y1: 1, line: {color: color("muted"), width: 1, dash: "dot"}}],
    }, `Signed errors of ${row.label}${beyond ? `; ${n.many(beyond, "prediction")} beyond ± ${n.significant(half)} not shown` : ""}.`);
  }

  function drawBands(place, group, row, shared, own) {
    const {axis, color} = board.plots;
    const {edges, counts} = shared.bands;
    const bands = counts.map((count, index) => ({count, from: edges[index], to: edges[Math.min(index + 1, edges.length - 1)], mae: own.bands[index]}));
    const names = bands.map((band) => `${n.significant(band.from)} to ${n.significant(band.to)}`);
    return board.plots.draw(place, [{type: "bar", x: names, y: own.bands, marker: {color: color("accent")}, customdata: counts,
      hovertemplate: "%{x}<br>MAE %{y:.4g}<br>%{customdata} crystals<extra></extra>"}], {
      height: 320, xaxis: axis(labelled("target", group), {type: "category", tickangle: -40}), yaxis: axis(labelled("MAE", group), {rangemode: "tozero"}),
    }, `MAE of ${row.label} in bands of the target with about equally many crystals.`).then(() => place.append(h("details", {}, h("summary", {}, "The same as a table"),
      board.table.plain("MAE by band of the target", [
        {label: labelled("target", group), text: true, head: true, cell: (band) => names[bands.indexOf(band)]},
        {label: "crystals", cell: (band) => n.grouped(band.count)},
        {label: labelled("MAE", group), cell: (band) => n.significant(band.mae, 4)},
      ], bands))));
  }

  function elements(group, row, shared, own) {
    if (!shared.elements) return note("There is no picture, as the compositions of these crystals are not beside the records.");
    const [least, most] = [Math.min(...own.elements), Math.max(...own.elements)];
    const unit = board.unit(group);
    const {loss} = board.kind(group);
    const shown = n.alike(own.elements);
    const values = new Map(shared.elements.symbols.map((symbol, index) => [symbol, {
      text: shown(own.elements[index]), share: most > least ? (own.elements[index] - least) / (most - least) : 0,
      words: `${symbol}: ${loss} ${n.significant(own.elements[index], 4)} ${unit} over ${n.many(shared.elements.counts[index], "crystal")} that hold it`,
    }]));
    return [...board.elements.table(`${loss} of ${row.label} by element`, values),
      note(`${group.classes ? "Log-loss" : "Mean |error|"} over the crystals that hold the element${unit ? `, in ${unit}` : ""}; coloured from ${n.significant(least)} to ${n.significant(most)}. A crystal counts for each of its elements.`)];
  }

  function worst(group, shared, own) {
    const predictions = shared.ids.length;
    [shared, own] = board.details.once(shared, own);
    const repeated = predictions > shared.ids.length;
    const order = [...own.absolute.keys()].sort((a, b) => own.absolute[b] - own.absolute[a] || a - b).slice(0, WORST);
    const shown = board.table.plain(`The ${order.length} crystals with the largest errors`, [
      ...naming(shared),
      ...(repeated ? [] : [{label: "fold", cell: (index) => String(shared.fold[index] + 1)}]),
      {label: labelled("target", group), cell: (index) => n.significant(shared.target[index], 4)},
      {label: labelled("prediction", group), cell: (index) => n.significant(shared.target[index] + own.error[index], 4)},
      {label: "error", cell: (index) => n.signed(own.error[index])},
      ...(repeated ? [{label: "mean |error|", cell: (index) => n.significant(own.absolute[index])}] : []),
    ], order);
    return repeated ? [shown, note("A crystal that was predicted several times has the means over its predictions.")] : shown;
  }

  return {title, draw, labelled, named, naming, elements};
})();
