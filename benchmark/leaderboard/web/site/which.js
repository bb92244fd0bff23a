// Which model to train: what the records forecast for so many crystals in so much time.
"use strict";

board.views.which = (() => {
  const {h, select, note} = board.dom;
  const n = board.numbers;
  const title = "Which model";
  const TIMES = [[60, "1 minute"], [600, "10 minutes"], [3600, "1 hour"], [21600, "6 hours"], [86400, "1 day"], [604800, "1 week"]];
  const NAMES = {cpu: "one core", gpu: "a GPU"};

  function draw(place, state) {
    const {crystals: known, devices} = board.data.forecasts;
    const device = devices[state.device] ? state.device : Object.keys(devices)[0];
    const asked = devices[device];
    const like = asked[state.like] ? state.like : Object.keys(asked)[0];
    const seconds = (TIMES.find(([value]) => String(value) === state.time) || TIMES[2])[0];
    const crystals = within(Number(state.crystals) || 5000, known[0], known[known.length - 1]);
    place.append(h("h1", {}, "Which model for my crystals?"), h("div", {class: "controls"},
      number("labelled crystals", crystals, known, (value) => board.go({crystals: value})),
      select("time for one training", TIMES.map(([value, text]) => [String(value), text]), String(seconds), (value) => board.go({time: value})),
      select("a task like mine", Object.keys(asked).map((task) => [task, task || "none: compare models alone"]), like, (value) => board.go({like: value})),
      Object.keys(devices).length > 1 && select("trained on", Object.keys(devices).map((name) => [name, NAMES[name]]), device, (value) => board.go({device: value}))));
    const rows = forecasts(asked[like].models, known, crystals);
    if (!rows.length) {
      place.append(note(`The records allow no forecast for ${n.many(crystals, "crystal")}.`));
      return;
    }
    place.append(h("p", {class: "answer"}, answer(rows, seconds, asked[like], like)), table(rows, seconds, asked[like].unit, like),
      h("h2", {}, "What you should know"), h("ul", {}, asked[like].notes.filter(Boolean).map((text) => h("li", {}, text)),
        h("li", {}, "Times are those of the machines in the records. ", h("code", {}, "python -m benchmark recommend"), " scales them to yours.")));
  }

  function within(value, low, high) {
    return Math.min(high, Math.max(low, Math.round(value)));
  }

  function number(label, value, known, onchange) {
    return h("div", {class: "control"}, h("label", {for: "crystals"}, label),
      h("input", {type: "number", id: "crystals", value, min: known[0], max: known[known.length - 1], onchange: (event) => onchange(event.target.value)}));
  }

  // Between two numbers of crystals logarithms are interpolated.
  function forecasts(models, known, crystals) {
    const above = Math.max(1, known.findIndex((one) => one >= crystals));
    const share = Math.log(crystals / known[above - 1]) / Math.log(known[above] / known[above - 1]);
    const between = (a, b) => a === null || b === null ? null : a > 0 && b > 0 ? a ** (1 - share) * b ** share : (1 - share) * a + share * b;
    const rows = Object.entries(models).map(([model, at]) => {
      const [a, b] = [at[above - 1] || (share === 1 && at[above]), at[above] || (share === 0 && at[above - 1])];
      if (!a || !b) return null;
      const [error, low, high, seconds, beyond, deviation, freedom, good] = a.map((value, part) => between(value, b[part]));
      return {model, error, low, high, seconds, beyond, deviation, freedom, good: Math.round(good)};
    });
    return rows.filter(Boolean).sort((a, b) => a.error - b.error);
  }

  function answer(rows, seconds, {unit, sets, records}, like) {
    const learn = rows.filter((row) => !board.data.forecasts.constants.includes(row.model));
    if (!learn.length) return "The records are of no model that learns.";
    const [chosen, ...others] = learn.filter((row) => row.seconds === null || row.seconds <= seconds);
    if (!chosen) {
      const cheapest = learn.reduce((one, other) => (other.seconds < one.seconds ? other : one));
      return `No model that learns can be trained in this time; the cheapest, ${cheapest.model}, takes about ${n.seconds(cheapest.seconds)}.`;
    }
    const equals = others.filter((row) => mayBeat(row, chosen, sets));
    const why = [chosen, ...equals].every((row) => row.deviation) ? "1 chance in 10 or more" : "about as good in the records";
    const expected = like ? `a test MAE of ${error(chosen, unit, records)}` : `${error(chosen, "times", records)} the MAE of the best other model`;
    return `Train ${chosen.model}. Expect ${expected}${chosen.seconds === null ? ". Its time is not known" : `, after about ${n.seconds(chosen.seconds)}`}.` +
      (like ? "" : ` Its MAE is the lowest, or at most 10 % above the lowest, on ${chosen.good} of the ${n.many(sets, "data set")} on record.`) +
      (learn.length > 1 ? "" : " No other model is on record there, so nothing is compared.") +
      (equals.length ? ` ${equals.map((row) => row.model).join(", ")} may come out better (${why}): train ${equals.length > 1 ? "them" : "it"} too, and compare.` : "");
  }

  // In a training of each, with one chance in ten or more: Student's t with the degrees of freedom of Welch, rounded down.
  // Where no interval is known: about as good in the records, without a task on most data sets.
  function mayBeat(row, chosen, sets) {
    if (!row.deviation || !chosen.deviation) return sets ? 2 * row.good > sets : row.error <= 1.1 * chosen.error;
    const {quantiles} = board.data.forecasts;
    const [one, other] = [row.deviation ** 2, chosen.deviation ** 2];
    const freedom = (one + other) ** 2 / (one ** 2 / row.freedom + other ** 2 / chosen.freedom);
    const place = Math.min(quantiles.length, Math.floor(freedom + 1e-6)) - 1;
    return Math.log(row.error / chosen.error) <= quantiles[place] * Math.sqrt(one + other);
  }

  function error(row, unit, records) {
    const why = records[row.model] ? `${records[row.model]} are too few, or too far from yours` : "too few data sets, or they differ too much";
    const value = `${n.significant(row.error)} ${unit}`.trim();
    return value + (row.low === null ? ` (no interval: ${why})` : ` (95 %: ${interval(row)})`);
  }

  function interval(row) {
    return row.low === null ? "" : `${n.significant(row.low)} to ${n.significant(row.high)}`;
  }

  function table(rows, seconds, unit, like) {
    const what = !like ? "MAE / best other" : unit ? `MAE [${unit}]` : "MAE";
    return board.table.plain("What the records forecast of each model", [
      {label: "model", text: true, head: true, cell: (row) => row.model},
      {label: what, cell: (row) => n.significant(row.error)},
      {label: "95 % interval", cell: interval},
      {label: "time", cell: (row) => row.seconds === null ? "not known" : n.seconds(row.seconds)},
      {label: "within the time", text: true, cell: (row) => row.seconds === null ? "not known" : row.seconds <= seconds ? "yes" : "no"},
      {label: "beyond the records", cell: (row) => row.beyond > 1.05 || row.beyond < 1 / 1.05 ? `${n.significant(row.beyond, 2)} × the crystals` : ""},
    ], rows);
  }

  return {title, draw};
})();
