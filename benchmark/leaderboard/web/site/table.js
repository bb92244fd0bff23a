// Tables: plain ones, and ones that a reader sorts.
"use strict";

board.table = (() => {
  const {h, scroller} = board.dom;

  // Columns are {key, label, cell(row), value(row), text, head, hint}: `cell` is shown, `value` is sorted by.
  function heads(columns, sort, onsort) {
    return h("thead", {}, h("tr", {}, columns.map((column) => {
      const kind = column.text ? "text" : "number";
      const sorted = sort && sort.key === column.key;
      const order = sorted ? (sort.descending ? "descending" : "ascending") : null;
      const arrow = h("span", {class: "arrow", "aria-hidden": "true"}, sorted ? (sort.descending ? "▼" : "▲") : "");
      const content = onsort && column.value
        ? h("button", {type: "button", "data-sort": column.key, title: column.hint, onclick: () => onsort(column.key)}, column.label, arrow)
        : column.label;
      return h("th", {scope: "col", class: kind + (column.head ? " head" : ""), "aria-sort": order}, content);
    })));
  }

  function line(columns, row, attributes) {
    return h("tr", attributes || {}, columns.map((column) => column.head
      ? h("th", {scope: "row", class: "text head"}, column.cell(row))
      : h("td", {class: column.text ? "text" : "number"}, column.cell(row))));
  }

  // Rows without a value come last, whichever way the others are sorted; equal ones keep their order.
  function sorted(rows, column, descending) {
    const sign = descending ? -1 : 1;
    const absent = (value) => value === null || value === undefined;
    return rows.map((row, place) => ({row, place, value: column.value(row)})).sort((a, b) => {
      if (absent(a.value) || absent(b.value)) return absent(a.value) - absent(b.value) || a.place - b.place;
      const order = typeof a.value === "string" ? a.value.localeCompare(b.value, "en") : a.value - b.value;
      return sign * order || a.place - b.place;
    }).map((entry) => entry.row);
  }

  function plain(caption, columns, rows) {
    return scroller(caption, h("table", {},
      h("caption", {}, caption), heads(columns), h("tbody", {}, rows.map((row) => line(columns, row)))));
  }

  return {heads, line, sorted, plain};
})();
