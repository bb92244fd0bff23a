// Elements. Text of records only ever becomes a text node or the value of an attribute, never markup.
"use strict";

board.dom = (() => {
  const SVG = "http://www.w3.org/2000/svg";

  function fill(node, attributes, children) {
    for (const [name, value] of Object.entries(attributes || {})) {
      if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
    }
    node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
    return node;
  }

  function h(tag, attributes, ...children) {
    return fill(document.createElement(tag), attributes, children);
  }

  function svg(tag, attributes, ...children) {
    return fill(document.createElementNS(SVG, tag), attributes, children);
  }

  let labelled = 0;

  // A labelled <select>; options are [value, text].
  function select(label, options, value, onchange) {
    const id = `control-${++labelled}`;
    const option = ([key, text]) => h("option", {value: key, selected: key === value}, text);
    return h("div", {class: "control"},
      h("label", {for: id}, label),
      h("select", {id, onchange: (event) => onchange(event.target.value)},
        options.map(option)));
  }

  function check(label, checked, onchange) {
    const id = `control-${++labelled}`;
    return h("div", {class: "control check"},
      h("input", {type: "checkbox", id, checked, onchange: (event) => onchange(event.target.checked)}),
      h("label", {for: id}, label));
  }

  function search(label, value, oninput) {
    const id = `control-${++labelled}`;
    return h("div", {class: "control"},
      h("label", {for: id}, label),
      h("input", {type: "search", id, value, autocomplete: "off", spellcheck: "false", oninput: (event) => oninput(event.target.value)}));
  }

  // The text says the verdict; the colour only repeats it.
  function verdict(row) {
    return h("span", {class: `verdict-mark ${row.standing.replaceAll(" ", "-")}`}, row.verdict);
  }

  function note(text) {
    return h("p", {class: "note"}, text);
  }

  // What is wider than the page scrolls inside its own frame, with the keyboard too.
  function scroller(label, content) {
    return h("div", {class: "scroller", role: "region", "aria-label": label, tabindex: "0"}, content);
  }

  return {h, svg, select, check, search, verdict, note, scroller};
})();
