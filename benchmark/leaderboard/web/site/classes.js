// A model that predicts classes: which it takes for which, whether its probabilities hold, and where it was most wrong.
"use strict";

board.classes = (() => {
  const {h, note} = board.dom;
  const n = board.numbers;

  // Names of the classes, with their shares of the test crystals where these are known.
  function facts(group) {
    const total = group.class_counts && group.class_counts.reduce((sum, count) => sum + count, 0);
    const named = group.classes.map((name, index) => total ? `${name} ${n.percent(group.class_counts[index] / total)}` : name);
    return `${group.classes.length} classes: ${named.join(", ")}`;
  }

  function model(content, group, row, shared, own) {
    const figure = h("div", {});
    content.replaceChildren(
      h("section", {}, h("h2", {}, "Which class is taken for which"), confusion(group, row, own)),
      h("section", {}, h("h2", {}, "Probability against share that is right"), figure),
      h("section", {}, h("h2", {}, "Log-loss by element"), board.views.model.elements(group, row, shared, own)),
      h("section", {}, h("h2", {}, "Lowest probabilities of the true class"), worst(group, own)));
    return reliability(figure, row, own);
  }

  function confusion(group, row, own) {
    const rows = own.confusion.map((counts, index) => ({name: group.classes[index], counts, total: counts.reduce((sum, count) => sum + count, 0)}));
    const share = (line, count) => line.total ? `${n.grouped(count)} (${n.percent(count / line.total)})` : n.missing;
    return [board.table.plain(`Test crystals by true class and by the class that ${row.label} finds most probable`, [
      {label: "true class", text: true, head: true, cell: (line) => line.name},
      ...group.classes.map((name, index) => ({label: `as ${name}`, cell: (line) => share(line, line.counts[index])})),
      {label: "crystals", cell: (line) => n.grouped(line.total)},
    ], rows), note("Crystals of the true class of the line, by their most probable class; in brackets the share of the line.")];
  }

  function reliability(place, row, own) {
    const {axis, color} = board.plots;
    const {counts, stated, right} = own.reliability;
    const bins = [...counts.keys()].filter((index) => counts[index]);
    const most = Math.max(...counts);
    const range = [0, 1.02];
    return board.plots.draw(place, [{type: "scatter", mode: "lines+markers", x: bins.map((index) => stated[index]), y: bins.map((index) => right[index]),
      line: {color: color("accent"), width: 1.5}, marker: {color: color("accent"), size: bins.map((index) => 6 + 14 * Math.sqrt(counts[index] / most))},
      customdata: bins.map((index) => counts[index]), hovertemplate: "probability %{x:.3f}<br>right %{y:.3f}<br>%{customdata} crystals<extra></extra>"}], {
      height: 460, width: Math.min(500, place.clientWidth), xaxis: axis("probability of the most probable class", {range}), yaxis: axis("share that is right", {range}),
      shapes: [{type: "line", x0: 0, x1: 1, y0: 0, y1: 1, line: {color: color("muted"), width: 1, dash: "dot"}}],
    }, `How often the most probable class of ${row.label} is right, in ten bins of its probability; the larger a point, the more crystals. ` +
      "On the dotted line probabilities are as often right as they say; below it they are too high.").then(() => place.append(h("details", {}, h("summary", {}, "The same as a table"),
      board.table.plain("Share that is right by probability", [
        {label: "probability", text: true, head: true, cell: (index) => `${index / counts.length} to ${(index + 1) / counts.length}`},
        {label: "crystals", cell: (index) => n.grouped(counts[index])},
        {label: "mean probability", cell: (index) => n.fixed(stated[index], 3)},
        {label: "share that is right", cell: (index) => n.fixed(right[index], 3)},
      ], bins))));
  }

  function worst(group, own) {
    const known = own.worst.some((crystal) => crystal.elements);
    return board.table.plain(`The ${own.worst.length} crystals whose true class has the lowest probability`, [
      {label: "crystal", text: true, head: true, cell: (crystal) => crystal.id},
      known && {label: "elements", text: true, cell: (crystal) => crystal.elements || n.missing},
      {label: "fold", cell: (crystal) => String(crystal.fold + 1)},
      {label: "true class", text: true, cell: (crystal) => group.classes[crystal.target]},
      {label: "its probability", cell: (crystal) => n.significant(crystal.probability)},
      {label: "most probable class", text: true, cell: (crystal) => group.classes[crystal.chosen]},
    ].filter(Boolean), own.worst);
  }

  return {facts, model};
})();
