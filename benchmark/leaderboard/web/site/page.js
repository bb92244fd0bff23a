// The page: which view of what is shown is kept in the address behind "#", so that every view is a link.
"use strict";

(() => {
  const {h, select} = board.dom;
  board.data = JSON.parse(document.getElementById("data").textContent);
  board.version = document.currentScript.src.split("?v=")[1] || "";
  board.state = {};
  const KEPT = {overview: ["contest"], task: ["contest"], cost: ["contest"], model: ["contest", "model"], compare: ["contest", "model"]};
  const byId = new Map(board.data.contests.map((contest) => [contest.id, contest]));

  board.unit = (contest) => contest.unit === "1" ? "" : contest.unit;
  const fullest = board.data.contests.reduce((most, one) => (one.rows.length > most.rows.length ? one : most), board.data.contests[0]);
  board.contest = (state) => byId.get(state.contest) || fullest;
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

  // Task, and where it stands in several contests, which.
  board.chooser = (contest, ...more) => {
    const tasks = [...new Set(board.data.contests.map((other) => other.task))];
    const same = board.data.contests.filter((other) => other.task === contest.task);
    const first = (task) => board.data.contests.find((other) => other.task === task && other.league === contest.league) || board.data.contests.find((other) => other.task === task);
    const clear = {sort: "", order: "", filter: "", machine: ""};
    return h("div", {class: "controls"},
      select("task", tasks.map((task) => [task, task]), contest.task, (task) => board.go({contest: first(task).id, ...clear})),
      select("profile and protocol", same.map((other) => [other.id, same.some((one) => one !== other && one.league === other.league) ? other.title : other.league]), contest.id, (id) => board.go({contest: id, ...clear})),
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
    const contest = byId.get(board.state.contest);
    document.title = `${board.views[board.state.view].title}${contest ? ` · ${contest.task}` : ""} · Leaderboard of crystal-property models`;
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
