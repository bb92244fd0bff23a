// Single crystals, or of classes their sums: loaded comparison group by comparison group and model by model, from scripts, as a page from disk may not fetch files.
"use strict";

board.details = (() => {
  const loaded = new Map();
  const arrived = new Map();

  board.receive = (name, payload) => arrived.set(name, payload);

  function load(group, name) {
    const key = `${group.id}/${name}`;
    if (!loaded.has(key)) {
      const promise = board.plots.script(`details/${key}.js?v=${board.version}`).then(() => {
        const payload = arrived.get(key);
        arrived.delete(key);
        return payload;
      });
      promise.catch(() => loaded.delete(key));
      loaded.set(key, promise);
    }
    return loaded.get(key);
  }

  function unpacked(text, kind) {
    return new kind(Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0)).buffer);
  }

  async function ofGroup(group) {
    const payload = await load(group, "group");
    if (payload.targets) {
      payload.target ||= unpacked(payload.targets, Float32Array);
      payload.fold ||= unpacked(payload.folds, Uint16Array);
    }
    if (payload.held) payload.heldBy ||= unpacked(payload.held.by, Uint32Array);
    return payload;
  }

  async function ofModel(group, row) {
    const payload = await load(group, row.file);
    if (payload.errors) payload.error ||= Float64Array.from(unpacked(payload.errors, Int16Array), (q) => payload.scale * Math.sinh(q * payload.step));
    return payload;
  }

  // Each crystal once: means over the repeats and folds that predicted it.
  function once(shared, ...models) {
    const places = new Map();
    shared.ids.forEach((id, index) => places.set(id, [...(places.get(id) || []), index]));
    const all = [...places.values()];
    const first = (values) => values && all.map(([index]) => values[index]);
    const means = (value) => all.map((indices) => indices.reduce((sum, index) => sum + value(index), 0) / indices.length);
    return [{...shared, ids: [...places.keys()], target: first(shared.target), heldBy: first(shared.heldBy), fold: first(shared.fold)},
      ...models.map((model) => ({...model, error: means((index) => model.error[index]), absolute: means((index) => Math.abs(model.error[index]))}))];
  }

  return {ofGroup, ofModel, once, unpacked};
})();
