// What only the page can find out: whether the extension of the card answers in this browser.

const STEP_MS = 100;
const PATIENCE_MS = 2000; // an extension's script comes after the page's own
let told = null;
let looking = false;

async function answers() {
  try {
    return typeof (await window.isCpsWebExAlive()) === "string";
  } catch {
    return false; // it is not there, or is there no longer
  }
}

async function look() {
  const until = performance.now() + PATIENCE_MS;
  let alive = await answers();
  while (!alive && performance.now() < until) {
    await new Promise((next) => setTimeout(next, STEP_MS));
    alive = await answers();
  }
  return alive;
}

async function tell() {
  if (looking) {
    return;
  }
  looking = true;
  try {
    const extension = await look();
    if (extension !== told) {
      const answer = await fetch("/browser", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ extension }),
      });
      told = answer.ok ? extension : told;
    }
  } catch {
    // The agent does not answer: the page's stream says so.
  } finally {
    looking = false;
  }
}

window.addEventListener("focus", tell); // it may have been switched on in another tab
tell();
