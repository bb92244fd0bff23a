// The page: which view of what is shown is kept in the address behind "#", so that every view is a link.
"use strict";

(() => {
  const {h, select} = board.dom;
  board.data = JSON.parse(document.getElementById("data").textContent);
  board.version = document.currentScript.src.split("?v=")[1] || "";
  board.state = {};
  const KEPT = {overview: ["group"], task: ["group"], cost: ["group"], model: ["group", "model"], compare: ["group", "model"], which: []};
  if (!board.data.forecasts) delete board.views.which;
  const byId = new Map(board.data.comparison_groups.map((group) => [group.id, group]));

  // Names and columns of the scores: those of numbers, or those of classes.
  board.kind = (group) => board.data.kinds[group.kind];
  board.unit = (group) => group.classes ? "" : group.unit;
  // What is shown first: the reader's own newest run, if there is one; else the group with most rows of the first track, of
  // real crystals and networks where there are any.
  const first = (board.data.tracks[0] ? board.data.tracks[0].comparison_groups : []).map((id) => byId.get(id));
  const fullest = first.reduce((most, one) => (one.rows.length > most.rows.length ? one : most), first[0]);
  board.group = (state) => byId.get(state.group) || (board.data.own && byId.get(board.data.own.group)) || fullest;
  board.own = (group) => board.data.own && board.data.own.group === group.id ? board.data.own : null;
  // Where the crystals of rows are: all folds of the ranked ones, and the folds of rows that have fewer.
  board.places = (group) => [{id: group.id, rows: Object.fromEntries(group.rows.filter((row) => row.file).map((row) => [row.label, row]))}, ...group.common];
  board.dark = () => window.matchMedia("(prefers-color-scheme: dark)").matches;

  board.address = (view, state) => {
    const parts = new URLSearchParams(Object.entries(state).filter(([name, value]) => name !== "view" && value));
    return `#${view}${[...parts].length ? `?${parts}` : ""}`;
  };

  // Another view, or other settings of this one: a new entry of the history.
  board.go = (changes) => {
    board.focused = nameOf(document.activeElement);
    location.hash = board.address(changes.view || board.state.view, {...board.state, ...changes});
  };

  // Settings that are shown already: the address follows, nothing is drawn.
  board.remember = (changes) => {
    Object.assign(board.state, changes);
    history.replaceState(null, "", board.address(board.state.view, board.state));
  };

  board.empty = (place, title) => {
    place.append(h("h1", {}, title), board.dom.note("There are no records yet."));
  };

  // What cannot be loaded or drawn is a line on the page.
  board.guard = (place, promise) => promise.catch((error) => place.replaceChildren(h("p", {class: "note failed", role: "alert"}, error.message)));

  // Task, and where it has several comparison groups, which.
  board.chooser = (group, ...more) => {
    const tasks = [...new Set(board.data.comparison_groups.map((other) => other.task))];
    const same = board.data.comparison_groups.filter((other) => other.task === group.task);
    const first = (task) => board.data.comparison_groups.find((other) => other.task === task && other.track === group.track) || board.data.comparison_groups.find((other) => other.task === task);
    const clear = {sort: "", order: "", filter: "", machine: ""};
    return h("div", {class: "controls"},
      select("task", tasks.map((task) => [task, task]), group.task, (task) => board.go({group: first(task).id, ...clear})),
      select("comparison group", same.map((other) => [other.id, same.some((one) => one !== other && one.track === other.track) ? other.title : other.track]), group.id, (id) => board.go({group: id, ...clear})),
      more);
  };

  function read() {
    const [view, parts] = location.hash.slice(1).split(/\?(.*)/s);
    return {...Object.fromEntries(new URLSearchParams(parts || "")), view: board.views[view] ? view : "overview"};
  }

  function navigation() {
    document.getElementById("views").replaceChildren(...Object.entries(board.views).map(([name, view]) => {
      const kept = Object.fromEntries(KEPT[name].filter((key) => board.state[key]).map((key) => [key, board.state[key]]));
      return h("li", {}, h("a", {href: board.address(name, kept), "aria-current": name === board.state.view ? "page" : null}, view.title));
    }));
  }

  function draw(moved) {
    const main = document.getElementById("content");
    const before = board.state.view;
    board.state = read();
    navigation();
    const page = h("div", {});
    main.replaceChildren(page);
    board.views[board.state.view].draw(page, board.state);
    for (const [mark, meaning] of Object.entries(board.data.marks)) {
      if (page.textContent.includes(mark)) page.append(board.dom.note(meaning));
    }
    const group = byId.get(board.state.group);
    document.title = `${board.views[board.state.view].title}${group ? ` · ${group.task}` : ""} · Leaderboard of crystal-property models`;
    if (moved && before !== board.state.view) {
      window.scrollTo(0, 0);
      main.focus({preventScroll: true});
    }
    refocus(before);
  }

  function nameOf(control) {
    return control.labels && control.labels.length ? control.labels[0].textContent : control.textContent;
  }

  // A control that was used is drawn anew: the focus stays where it was.
  function refocus(before) {
    const name = board.focused;
    board.focused = null;
    if (!name || before !== board.state.view) return;
    const control = [...document.querySelectorAll(".control select, .control button")].find((other) => nameOf(other) === name);
    if (control) control.focus({preventScroll: true});
  }

  document.getElementById("skip").addEventListener("click", (event) => {
    event.preventDefault();
    document.getElementById("content").focus();
  });
  window.addEventListener("hashchange", () => draw(true));
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw(false));
  draw(false);
})();
