// Numbers as text, as the markdown pages write them.
"use strict";

const board = {views: {}};

board.numbers = (() => {
  const missing = "–";

  function decimalsOf(value) {
    return value ? Math.min(20, Math.max(0, 3 - Math.floor(Math.log10(Math.abs(value))))) : 4;
  }

  // Four significant digits, the spread to the same decimals; with powers of ten where the mean is far from one.
  function spread(pair) {
    if (!pair) return missing;
    const [mean, std] = pair;
    if (Math.abs(mean) >= 1e6 || (mean && Math.abs(mean) < 1e-6)) return mean.toExponential(3) + (std === null ? "" : ` ± ${std.toExponential(1)}`);
    const decimals = decimalsOf(mean);
    return mean.toFixed(decimals) + (std === null ? "" : ` ± ${std.toFixed(decimals)}`);
  }

  function seconds(value) {
    if (value === null) return missing;
    if (value < 0.001) return "< 0.001 s";
    return value < 1000 ? `${significant(value, 3)} s` : `${grouped(Math.round(value))} s`;
  }

  function bytes(value) {
    if (value === null) return missing;
    for (const [unit, size] of [["GB", 1e9], ["MB", 1e6], ["kB", 1e3]]) {
      if (value >= size) return `${significant(value / size, 3)} ${unit}`;
    }
    return `${value} B`;
  }

  function grouped(value) {
    return value === null ? missing : value.toLocaleString("en-US");
  }

  function fixed(value, decimals) {
    return value === null ? missing : value.toFixed(decimals).replace("-", "−");
  }

  // Like "%g": 0.0123, 12.3, 1.23e-7.
  function significant(value, digits = 3) {
    if (value === null || Number.isNaN(value)) return missing;
    if (value === 0) return "0";
    const size = Math.abs(value);
    const text = size >= 1e6 || size < 1e-4 ? value.toExponential(digits - 1)
      : size >= 10 ** digits ? String(Math.round(value)) : value.toPrecision(digits);
    return text.replace(/^-/, "−");
  }

  // The same decimals for all, three digits for the largest.
  function alike(values) {
    const most = Math.max(...values.map(Math.abs));
    return (value) => most >= 1e6 || most < 1e-6 ? significant(value, 2) : fixed(value, Math.max(0, decimalsOf(most) - 1));
  }

  function signed(value, digits = 3) {
    return (value > 0 ? "+" : "") + significant(value, digits);
  }

  function percent(share) {
    return `${(100 * share).toFixed(1)} %`;
  }

  function p(value) {
    return value < 0.001 ? "< 0.001" : value.toPrecision(2);
  }

  function many(count, one, several) {
    return `${grouped(count)} ${count === 1 ? one : several || `${one}s`}`;
  }

  return {missing, spread, seconds, bytes, grouped, fixed, significant, alike, signed, percent, p, many};
})();
