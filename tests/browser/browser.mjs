// What every page of piton's is held to, in a real browser. The tests of single pages are built on it.
import { createRequire } from "node:module";

const { chromium } = createRequire(process.env.PITON_TEST_BROWSER + "/")("playwright-core");

export const VARIANTS = [1280, 400].flatMap((width) => ["light", "dark"].map((scheme) => ({ width, scheme })));

const faults = [];
let place = "";

// A fault is noted and the tests go on: one run tells all that is wrong.
export function check(holds, ...words) {
  if (!holds) faults.push(`${place}: ${words.map((w) => (typeof w === "string" ? w : JSON.stringify(w))).join(" ")}`);
}

export function at(where) {
  place = where;
}

// A page on which everything that it says, and everything that it asks for beside `url` and what begins with it, is a fault.
export async function open(browser, url, { width = 1280, scheme = "light", scripts = true, allow = () => false } = {}) {
  const context = await browser.newContext({
    viewport: { width, height: 900 }, colorScheme: scheme, javaScriptEnabled: scripts, reducedMotion: "reduce",
  });
  await context.route("**/*", (route) => {
    const wanted = route.request().url();
    if (wanted.split("#")[0] === url.split("#")[0] || allow(wanted)) return route.continue();
    check(false, "asked for", wanted);
    return route.abort();
  });
  const page = await context.newPage();
  page.on("console", (message) => check(false, "on the console:", message.text()));
  page.on("pageerror", (error) => check(false, "an error:", String(error)));
  page.on("dialog", (dialog) => { check(false, "a dialog:", dialog.message()); dialog.dismiss(); });
  page.on("request", (request) => check(/^(file|http:\/\/127\.0\.0\.1)/.test(request.url()), "left the machine:", request.url()));
  const begun = performance.now();
  await page.goto(url, { waitUntil: "load" });
  // Two frames: then what is to be seen is painted.
  if (scripts) await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
  return { page, context, ms: performance.now() - begun };
}

// The page that `piton serve` has at `url`, which may ask its server for what it needs.
export async function follow(browser, url, variant) {
  const { origin } = new URL(url);
  const { page } = await open(browser, url, { ...variant, allow: (wanted) => new URL(wanted).origin === origin });
  check(page.url() === `${origin}/`, "the address that is kept holds the token:", page.url());
  return page;
}

// What must hold of any page of piton's, as it stands.
export async function sound(page) {
  for (const fault of await page.evaluate(inPage)) check(false, fault);
}

// Runs in the page.
function inPage() {
  const faults = [];
  const root = document.documentElement;
  // What is not laid out until it is scrolled to is laid out now, once: asked for box by box it takes minutes.
  const whole = document.head.appendChild(document.createElement("style"));
  whole.textContent = "*{content-visibility:visible!important}";
  if (root.scrollWidth > root.clientWidth) faults.push(`scrolls sideways: ${root.scrollWidth} in ${root.clientWidth}`);
  const seen = (element) => element.checkVisibility({ visibilityProperty: true, opacityProperty: true });
  const overlap = (a, b, slack) =>
    Math.min(a.right, b.right) - Math.max(a.left, b.left) > slack && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > slack;
  const show = (r) => `[${[r.left, r.top, r.right, r.bottom].map(Math.round)}]`;

  // Labels of a picture: none on another, none outside.
  for (const svg of document.querySelectorAll("svg")) {
    if (!seen(svg)) continue;
    const named = svg.getAttribute("aria-label") ||
      (svg.getAttribute("aria-labelledby") || "").split(" ").map((id) => document.getElementById(id)?.textContent || "").join(" ").trim();
    if (svg.getAttribute("role") !== "img" || !named) faults.push(`a picture without a name: ${svg.outerHTML.slice(0, 200)}`);
    const frame = svg.getBoundingClientRect();
    const texts = [...svg.querySelectorAll("text")].map((text) => ({ text: text.textContent, rect: text.getBoundingClientRect() }));
    texts.forEach(({ text, rect }, i) => {
      if (rect.left < frame.left - 1 || rect.right > frame.right + 1 || rect.top < frame.top - 1 || rect.bottom > frame.bottom + 1)
        faults.push(`${text} ${show(rect)} leaves its picture ${show(frame)}`);
      for (const other of texts.slice(i + 1))
        if (overlap(rect, other.rect, 1)) faults.push(`${text} ${show(rect)} stands on ${other.text} ${show(other.rect)}`);
    });
    const size = texts.length && Math.min(...texts.map(({ rect }) => rect.height));
    if (size && size < 9) faults.push(`letters of ${size} px in ${named.slice(0, 60)}`);
  }

  // Cells of a row: none on another.
  for (const row of [...document.querySelectorAll("summary, tr, .figures, #tools, nav, .legend")].slice(0, 300)) {
    if (!seen(row)) continue;
    const cells = [...row.children].filter(seen).map((cell) => ({ cell, rect: cell.getBoundingClientRect() }));
    cells.forEach(({ cell, rect }, i) => {
      if (cell.scrollWidth > cell.clientWidth + 1 && cell.clientWidth > 0 && getComputedStyle(cell).overflowX === "visible")
        faults.push(`${cell.textContent.slice(0, 60)} is wider than its place`);
      for (const other of cells.slice(i + 1))
        if (overlap(rect, other.rect, 1)) faults.push(`${cell.textContent.slice(0, 40)} stands on ${other.cell.textContent.slice(0, 40)}`);
    });
  }

  // Contrast of every text against what lies behind it. Source: WCAG 2.2, section 1.4.3, level AA.
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const known = new Map();
  const rgba = (colour) => {
    if (!known.has(colour)) {
      canvas.clearRect(0, 0, 1, 1);
      canvas.fillStyle = colour;
      canvas.fillRect(0, 0, 1, 1);
      known.set(colour, [...canvas.getImageData(0, 0, 1, 1).data]);
    }
    return known.get(colour);
  };
  const luminance = ([r, g, b]) => {
    const part = (c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  };
  const behind = (element) => {
    if (element instanceof SVGElement) {
      const box = element.getBoundingClientRect(), x = (box.left + box.right) / 2, y = (box.top + box.bottom) / 2;
      for (const rect of [...element.ownerSVGElement.querySelectorAll("rect")].reverse()) {
        const r = rect.getBoundingClientRect();
        if (r.left <= x && x <= r.right && r.top <= y && y <= r.bottom) return getComputedStyle(rect).fill;
      }
    }
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (rgba(colour)[3] === 255) return colour;
    }
    return matchMedia("(prefers-color-scheme: dark)").matches && !matchMedia("print").matches ? "black" : "white";
  };
  const poor = new Map();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let n = 0; walker.nextNode() && n < 3000; n++) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || element.closest("script, style, title, desc") || !seen(element)) continue;
    const style = getComputedStyle(element), ink = element instanceof SVGElement ? style.fill : style.color;
    const back = behind(element), size = parseFloat(style.fontSize), large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    const [a, b] = [luminance(rgba(ink)), luminance(rgba(back))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    // What is not read aloud is a mark beside its word: section 1.4.11.
    const mark = element.closest("[aria-hidden=true]") && element.textContent.length === 1;
    if (ratio < (large || mark ? 3 : 4.5)) poor.set(`${ink} on ${back}: ${ratio.toFixed(2)}`, element.textContent.slice(0, 40));
  }
  for (const [colours, text] of poor) faults.push(`contrast of "${text}": ${colours}`);

  // Every control has a name, every id is there once, every link leads somewhere.
  const ids = new Set();
  for (const { id } of document.querySelectorAll("[id]")) {
    if (ids.has(id)) faults.push(`two things have the id ${id}`);
    ids.add(id);
  }
  for (const control of document.querySelectorAll("input:not([type=hidden]), select, button, textarea")) {
    const name = control.getAttribute("aria-label") || control.labels?.[0]?.textContent || control.textContent;
    if (!name.trim()) faults.push(`a control without a name: ${control.outerHTML}`);
  }
  for (const link of document.querySelectorAll("a[href]"))
    if (!/^#/.test(link.getAttribute("href")) || !ids.has(link.getAttribute("href").slice(1))) faults.push(`a link to nothing: ${link.outerHTML}`);
  let before = 0;
  for (const heading of document.querySelectorAll("h1,h2,h3,h4")) {
    const level = +heading.tagName[1];
    if (level > before + 1) faults.push(`heading ${heading.textContent} skips a level`);
    before = level;
  }
  whole.remove();
  return faults.slice(0, 30);
}

// Prints to PDF and returns how many pages and bytes it has.
export async function printed(page) {
  const pdf = await page.pdf({ format: "A4" });
  return { pages: pdf.toString("latin1").match(/\/Type\s*\/Page\b(?!s)/g)?.length ?? 0, bytes: pdf.length };
}

// Does `work` with a browser, and ends with what was found.
export async function within(work) {
  const browser = await chromium.launch({ executablePath: process.env.PITON_TEST_CHROMIUM, args: ["--disable-gpu"] });
  try {
    await work(browser);
  } catch (error) {
    check(false, error.stack);
  } finally {
    await browser.close();
  }
  faults.slice(0, 60).forEach((fault) => console.error(fault));
  console.log(`${faults.length} faults`);
  process.exitCode = faults.length ? 1 : 0;
}
