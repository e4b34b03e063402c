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

function replace(element, html) {
  const open = [...element.querySelectorAll("details[open]")].map((each) => each.id);
  const focused = element.contains(document.activeElement) ? document.activeElement : null;
  const place = focused && placeOf(focused);
  const template = document.createElement("template");
  template.innerHTML = trusted.createHTML(html);
  element.replaceChildren(template.content);
  for (const id of open) {
    document.getElementById(id)?.setAttribute("open", "");
  }
  if (place) {
    document.querySelector(place)?.focus({ preventScroll: true });
  }
}

function placeOf(element) {
  if (element.id) {
    return `#${CSS.escape(element.id)}`;
  }
  const owner = element.closest("[id]");
  return owner && `#${CSS.escape(owner.id)} ${element.localName}`;
}

// --- one sentence, at most once a second -------------------------------------------------------

let waiting = "";
let timer = 0;

function announce(sentence, now = false) {
  waiting = sentence;
  if (now) {
    clearTimeout(timer);
    timer = 0;
  }
  if (!timer) {
    say.textContent = waiting;
    timer = setTimeout(() => {
      timer = 0;
      if (say.textContent !== waiting) {
        announce(waiting);
      }
    }, 1000);
  }
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
  snapshot({ html }) {
    replace(main, html);
  },
  started({ check }) {
    document.getElementById(`check-${check}`)?.setAttribute("aria-busy", "true");
  },
  settled({ check, html, say: sentence }) {
    const line = document.getElementById(`check-${check}`);
    if (line) {
      const holder = document.createElement("ul");
      line.replaceWith(holder);
      replace(holder, html);
      holder.replaceWith(...holder.childNodes);
    }
    announce(sentence);
  },
  diagnosis({ html }) {
    replace(document.querySelector("#verdict"), html);
  },
  finished({ say: sentence }) {
    announce(sentence, true);
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
    // A stream that is refused is closed by the browser: too many tabs, or no session any more.
    if (stream.readyState === EventSource.CLOSED) {
      warn(main.dataset.crowded, true);
    } else if (failures >= FAILURES_BEFORE_END) {
      stream.close();
      warn(main.dataset.ended);
    } else {
      warn(main.dataset.lost);
    }
  });
}

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
