// The periodic table as a grid of values that the arrow keys move through.
"use strict";

board.elements = (() => {
  const {h, scroller} = board.dom;
  const SYMBOLS = ("H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr Rb Sr Y Zr Nb Mo " +
    "Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po " +
    "At Rn Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm Md No Lr Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og").split(" ");
  const NOBLE = [0, 2, 10, 18, 36, 54, 86, 118];

  // Row and column from 0; lanthanoids and actinoids stand below the others.
  function place(z) {
    if (z >= 57 && z <= 71) return [7, z - 57 + 2];
    if (z >= 89 && z <= 103) return [8, z - 89 + 2];
    const row = NOBLE.findIndex((last) => z <= last) - 1;
    const before = z - NOBLE[row] - 1;
    const fromRight = NOBLE[row + 1] - z;
    return [row, before < (row ? 2 : 1) ? before : 17 - fromRight];
  }

  function channels(color) {
    const hex = color.replace("#", "");
    return [0, 2, 4].map((start) => parseInt(hex.slice(start, start + 2), 16));
  }

  function mixed(from, to, share) {
    const [a, b] = [channels(from), channels(to)];
    return a.map((value, index) => Math.round(value + (b[index] - value) * share));
  }

  function luminance(rgb) {
    const [r, g, b] = rgb.map((value) => value / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  }

  // Black or white, whichever can be read on the colour.
  function inkOn(rgb) {
    const light = luminance(rgb);
    return (light + 0.05) / 0.05 > 1.05 / (light + 0.05) ? "#000000" : "#ffffff";
  }

  // `values` maps a symbol to {text, share, words}: share in [-1, 1], coloured towards `high` or, below 0, towards `other`.
  function table(label, values) {
    const color = board.plots.color;
    const rows = Array.from({length: 9}, () => Array(18).fill(null));
    SYMBOLS.forEach((symbol, index) => {
      const [row, column] = place(index + 1);
      rows[row][column] = symbol;
    });
    const said = h("p", {class: "said", "aria-live": "polite"}, "Move over an element, or into the table with the arrow keys.");
    const cells = [];
    const show = (cell) => { said.textContent = cell.words; };
    const focus = (cell) => {
      cells.forEach((other) => other.node.setAttribute("tabindex", other === cell ? "0" : "-1"));
      cell.node.focus();
    };
    const move = (event, cell) => {
      const at = cells.indexOf(cell);
      const nearest = (row) => cells.filter((other) => other.row === row)
        .reduce((best, other) => Math.abs(other.column - cell.column) < Math.abs(best.column - cell.column) ? other : best);
      const below = cells.find((other) => other.row > cell.row);
      const above = cells.filter((other) => other.row < cell.row).pop();
      const found = {ArrowLeft: cells[at - 1], ArrowRight: cells[at + 1], Home: cells[0], End: cells[cells.length - 1],
        ArrowUp: above && nearest(above.row), ArrowDown: below && nearest(below.row)};
      if (!(event.key in found)) return;
      event.preventDefault();
      if (found[event.key]) focus(found[event.key]);
    };
    const body = rows.map((symbols, row) => h("tr", {}, symbols.map((symbol, column) => {
      const value = symbol && values.get(symbol);
      if (!value) return h("td", {class: symbol ? "element absent" : "gap"}, symbol && h("span", {class: "symbol"}, symbol));
      const rgb = mixed(color("low"), value.share < 0 ? color("other") : color("high"), Math.abs(value.share));
      const cell = {row, column, words: value.words};
      cell.node = h("td", {
        class: "element", tabindex: cells.length ? "-1" : "0", "aria-label": value.words,
        onfocus: () => show(cell), onmouseenter: () => show(cell), onkeydown: (event) => move(event, cell),
      }, h("span", {class: "symbol"}, symbol), h("span", {class: "value"}, value.text));
      cell.node.style.backgroundColor = `rgb(${rgb.join(",")})`;
      cell.node.style.color = inkOn(rgb);
      cells.push(cell);
      return cell.node;
    })));
    const grid = h("table", {class: "periodic", role: "grid", "aria-label": label}, h("tbody", {}, body));
    return [h("div", {class: "scroller"}, grid), said];
  }

  return {table, place, inkOn};
})();
