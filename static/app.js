// The live page. Every word and every fragment comes rendered from the agent: this script only
// puts them in their place, says what happened, and keeps what the person was doing.

const main = document.querySelector("#main");
const say = document.querySelector("#say");
const trouble = document.querySelector("#trouble");
const trusted = window.trustedTypes
  ? window.trustedTypes.createPolicy("diagcps", { createHTML: (html) => html })
  : { createHTML: (html) => html };

const FAILURES_BEFORE_END = 5;
let failures = 0;
let asked = false; // this tab asked for the run: its result takes the focus

// --- putting fragments in their place ---------------------------------------------------------

function fragment(html) {
  const template = document.createElement("template");
  template.innerHTML = trusted.createHTML(html);
  return template.content;
}

// A check that is made again loses its details until it has settled: what the person had opened,
// and where the focus was, are kept until they are there again.
const opened = new Set();
let left = "";

function keeping(change) {
  const active = document.activeElement;
  const place = active === document.body ? left : placeOf(active);
  change();
  for (const id of opened) {
    document.getElementById(id)?.setAttribute("open", "");
  }
  left = "";
  if (place && document.activeElement === document.body) {
    const again = document.querySelector(place);
    again?.focus({ preventScroll: true });
    left = again ? "" : place;
  }
}

document.addEventListener(
  "toggle",
  ({ target }) => (target.open ? opened.add(target.id) : opened.delete(target.id)),
  true, // it does not bubble
);

function placeOf(element) {
  if (element.id) {
    return `#${CSS.escape(element.id)}`;
  }
  const owner = element.closest("[id]");
  return owner ? `#${CSS.escape(owner.id)} ${element.localName}` : "";
}

// --- one sentence, at most once a second -------------------------------------------------------

let waiting = "";
let timer = 0;

function announce(sentence) {
  waiting = sentence;
  if (timer) {
    return;
  }
  say.textContent = waiting;
  timer = setTimeout(() => {
    timer = 0;
    if (say.textContent !== waiting) {
      announce(waiting);
    }
  }, 1000);
}

function warn(sentence, withLink = false) {
  trouble.textContent = sentence;
  if (withLink) {
    const link = document.createElement("a");
    link.href = "/";
    link.textContent = main.dataset.reload;
    trouble.append(" ", link);
  }
  trouble.hidden = !sentence;
}

// --- the stream --------------------------------------------------------------------------------

const on = {
  act: showAct,
  snapshot({ html }) {
    const content = fragment(html);
    if (content.querySelector("[lang]").lang !== document.documentElement.lang) {
      location.reload(); // another tab has changed the language: the whole of this one follows
      return;
    }
    keeping(() => main.replaceChildren(content));
  },
  started({ checks }) {
    for (const check of checks) {
      document.getElementById(`check-${check}`)?.setAttribute("aria-busy", "true");
    }
  },
  settled({ check, html, say: sentence }) {
    const line = document.getElementById(`check-${check}`);
    if (line) {
      keeping(() => line.replaceWith(fragment(html)));
    }
    const progress = document.querySelector(".progress");
    if (progress) {
      progress.textContent = sentence;
    }
    announce(sentence);
  },
  diagnosis({ html }) {
    keeping(() => document.querySelector("#verdict").replaceChildren(fragment(html)));
  },
  finished({ say: sentence }) {
    announce(sentence);
    left = "";
    if (asked) {
      asked = false;
      document.querySelector("#result").focus();
    }
  },
  heartbeat() {},
};

function follow(after) {
  const stream = new EventSource(`/events?after=${after}`);
  for (const [name, handle] of Object.entries(on)) {
    stream.addEventListener(name, (event) => {
      failures = 0;
      warn("");
      handle(JSON.parse(event.data));
    });
  }
  stream.addEventListener("open", () => {
    failures = 0;
    warn("");
  });
  stream.addEventListener("end", (event) => {
    stream.close();
    const taken = JSON.parse(event.data).why === "taken-over";
    warn(taken ? main.dataset.taken : main.dataset.ended, taken);
  });
  stream.addEventListener("error", () => {
    failures += 1;
    if (stream.readyState === EventSource.CLOSED) {
      explainRefusal();
    } else if (failures >= FAILURES_BEFORE_END) {
      stream.close();
      warn(main.dataset.ended);
    } else {
      warn(main.dataset.lost);
    }
  });
}

// A stream that is refused is closed by the browser, which does not say why.
async function explainRefusal() {
  try {
    const page = await fetch("/");
    warn(page.ok ? main.dataset.crowded : main.dataset.ended, page.ok);
  } catch {
    warn(main.dataset.ended);
  }
}

// --- an act with a code --------------------------------------------------------------------------

// The agent says which step is to be shown. A step that is there already is left alone: somebody may
// be typing. What was typed stays in this page, for a form that comes back with something to mend.
const panel = document.querySelector("#act");
let sending = false;

function showAct({ html, state }) {
  if (!isNewer(state, panel.dataset.state)) {
    return;
  }
  // Only in a form of the same act on the same card: a code typed for one is no code for another.
  const isSameForm = numbers(state)[0] === numbers(panel.dataset.state)[0];
  const codes = isSameForm ? [...panel.querySelectorAll(".code")] : [];
  const typed = new Map(codes.map(({ id, value }) => [id, value]));
  const wasThere = panel.contains(document.activeElement) || !panel.firstElementChild;
  panel.dataset.state = state;
  panel.replaceChildren(fragment(html));
  for (const field of panel.querySelectorAll(".code:not([aria-invalid])")) {
    field.value = typed.get(field.id) ?? "";
  }
  const title = panel.querySelector("#act-title");
  if (title && wasThere) {
    title.focus();
    title.scrollIntoView({ block: "nearest" });
  } else if (!title && wasThere) {
    document.querySelector("#result").focus();
  }
}

// A state begins with two numbers that only grow. An answer and the stream may overtake each other.
function isNewer(state, shown) {
  const [opened, turn] = numbers(state);
  const [openedThen, turnThen] = numbers(shown);
  return opened > openedThen || (opened === openedThen && turn > turnThen);
}

function numbers(state) {
  return state ? state.split("-").map(Number) : [-1, -1];
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.matches("[data-act]")) {
    return;
  }
  event.preventDefault();
  if (sending) {
    return; // a second click
  }
  sending = true;
  const fields = new URLSearchParams(new FormData(form));
  fields.append(event.submitter.name, event.submitter.value);
  try {
    const answer = await fetch("/act", {
      method: "POST",
      headers: { Accept: "application/json" },
      body: fields,
    });
    if (answer.ok) {
      showAct(await answer.json());
    } else {
      location.assign("/");
    }
  } catch {
    warn(main.dataset.lost);
  } finally {
    sending = false;
  }
});

// --- the button, without leaving the page -------------------------------------------------------

document.addEventListener("submit", async (event) => {
  if (!event.target.matches("[data-run]")) {
    return;
  }
  event.preventDefault();
  asked = true;
  document.querySelector(".notice")?.remove();
  try {
    const answer = await fetch("/run", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: "{}",
    });
    if (!answer.ok) {
      location.assign("/");
    }
  } catch {
    warn(main.dataset.lost);
  }
});

follow(main.dataset.after);
