// Figures drawn by Plotly, which is loaded when the first is needed.
"use strict";

board.plots = (() => {
  const {h} = board.dom;
  let loading = null;

  function script(address) {
    return new Promise((resolve, reject) => {
      const node = h("script", {src: address, onload: resolve, onerror: () => {
        node.remove();
        reject(new Error(`${address} cannot be loaded; render the board again`));
      }});
      document.head.append(node);
    });
  }

  function library() {
    if (!loading) {
      loading = script(board.data.plotly).then(() => window.Plotly);
      loading.catch(() => { loading = null; });
    }
    return loading;
  }

  function color(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  }

  function axis(title, more) {
    return {
      title: {text: title, font: {size: 13}, standoff: 8}, gridcolor: color("rule"), zerolinecolor: color("rule"), linecolor: color("muted"),
      tickcolor: color("muted"), ticks: "outside", showline: true, automargin: true, exponentformat: "power", ...more,
    };
  }

  // Of counts: few to many.
  function scale() {
    return [[0, color("low")], [1, color("high")]];
  }

  // A figure with a caption that says in words what it shows.
  async function draw(place, traces, layout, caption) {
    const target = h("div", {class: "plot", role: "img", "aria-label": caption});
    place.replaceChildren(h("figure", {}, target, h("figcaption", {}, caption)));
    const plotly = await library();
    if (!target.isConnected) return;
    await plotly.newPlot(target, traces, {
      font: {family: getComputedStyle(document.body).fontFamily, size: 12, color: color("ink")},
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", margin: {l: 60, r: 16, t: 12, b: 52}, showlegend: false,
      hoverlabel: {bgcolor: color("paper"), bordercolor: color("muted"), font: {color: color("ink"), size: 13}, align: "left"},
      hovermode: "closest", dragmode: false, height: 400, ...layout,
    }, {displayModeBar: false, responsive: true, doubleClick: false});
  }

  // Plotly reads some HTML in its texts: what comes from a record must not be read so.
  function text(value) {
    return String(value).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  }

  // A long title in lines that fit into so many pixels: Plotly cuts it at the edge of the figure.
  function lines(value, width) {
    const most = Math.max(12, Math.floor(width / 7.5));
    const words = String(value).split(" ").flatMap((word) => word.match(new RegExp(`.{1,${most}}`, "gu")) || []);
    const found = [];
    for (const word of words) {
      const longer = `${found[found.length - 1]} ${word}`;
      if (found.length && longer.length <= most) found[found.length - 1] = longer;
      else found.push(word);
    }
    return found.map(text).join("<br>");
  }

  return {script, color, axis, scale, draw, text, lines};
})();
