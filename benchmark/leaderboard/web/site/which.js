// Which model to train: the answers of `python -m benchmark recommend`, written when the page was.
"use strict";

board.views.which = (() => {
  const {h, select, note} = board.dom;
  const n = board.numbers;
  const title = "Which model";
  const NAMES = {cpu: "one core", gpu: "a GPU"};
  const [CRYSTALS, TIME] = [5000, "1h"];

  function draw(place, state) {
    const {crystals: known, times, devices} = board.data.forecasts;
    const device = devices[state.device] ? state.device : Object.keys(devices)[0];
    const asked = devices[device];
    const like = asked[state.like] ? state.like : Object.keys(asked)[0];
    const time = Math.max(times.findIndex(([word]) => word === (state.time || TIME)), 0);
    const crystals = Math.min(Math.max(Math.round(Number(state.crystals)) || CRYSTALS, known[0]), known[known.length - 1]);
    const nearest = known.reduce((best, one) => (apart(one, crystals) < apart(best, crystals) ? one : best));
    place.append(h("h1", {}, "Which model for my crystals?"), h("div", {class: "controls"},
      number("labelled crystals", crystals, known, (value) => board.go({crystals: value})),
      select("how long you have (--time)", times, times[time][0], (value) => board.go({time: value})),
      select("a task like mine (--like)", Object.keys(asked).map((task) => [task, task || "none: compare models alone"]), like, (value) => board.go({like: value})),
      Object.keys(devices).length > 1 && select("trained on", Object.keys(devices).map((name) => [name, NAMES[name]]), device, (value) => board.go({device: value}))));
    if (nearest !== crystals) place.append(note(`This page has the answer for ${n.grouped(nearest)} crystals, the nearest number to your ${n.grouped(crystals)}; the command at the end has yours.`));
    const found = asked[like][known.indexOf(nearest)];
    place.append(...(Array.isArray(found) ? shown(found[time]) : [note(text(found))]), h("h2", {}, "From the command line"),
      note("This command says the same, for any number of crystals and with the times and cores of your machine."),
      h("pre", {}, command(crystals, times[time][0], like, device)));
  }

  function apart(one, other) {
    return Math.abs(Math.log(one / other));
  }

  function number(label, value, known, onchange) {
    return h("div", {class: "control"}, h("label", {for: "crystals"}, label),
      h("input", {type: "number", id: "crystals", value, min: known[0], max: known[known.length - 1], onchange: (event) => onchange(event.target.value)}));
  }

  function text(place) {
    return board.data.forecasts.texts[place];
  }

  function shown([headline, lines, train, columns, rows, notes]) {
    const {rows: cells, lists} = board.data.forecasts;
    const list = (place) => h("ul", {}, lists[place].map((line) => h("li", {}, text(line))));
    const columnsShown = lists[columns].map((label, index) => ({label: text(label), text: index === 0 || text(label) === "alone within the time", head: index === 0, cell: (row) => row[index]}));
    return [h("div", {class: "verdict"}, h("p", {class: "answer"}, h("strong", {}, text(headline)))), list(lines), train !== null && h("pre", {}, text(train)),
      board.table.plain("What the records forecast of each model", columnsShown, lists[rows].map((row) => cells[row])),
      h("h2", {}, "What you should know"), list(notes)].filter(Boolean);
  }

  function command(crystals, time, like, device) {
    const words = ["--crystals", crystals, "--time", time, ...(like ? ["--like", like] : []), ...(device === "gpu" ? ["--device", "cuda"] : [])];
    return `python -m benchmark recommend ${words.join(" ")}`;
  }

  return {title, draw};
})();
