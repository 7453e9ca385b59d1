// The reports in a directory: NAME.html, and NAME.json with what it must say.
// With PITON_KEEP_SCREENSHOTS, a directory, what was seen is kept there.
import { readFileSync, readdirSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { VARIANTS, at, check, open, printed, sound, within } from "./browser.mjs";

const dir = process.argv[2], keep = process.env.PITON_KEEP_SCREENSHOTS;
const names = readdirSync(dir).filter((file) => file.endsWith(".html")).map((file) => file.slice(0, -5));
await within(async (browser) => {
  for (const name of names) {
    const url = pathToFileURL(`${dir}/${name}.html`).href;
    const facts = JSON.parse(readFileSync(`${dir}/${name}.json`, "utf8"));
    // What another tool claims has no rows of piton's.
    const claimed = Boolean(facts.source), rows = facts.rows ?? facts.claims;
    // A long page takes its time: two of the four say most of it.
    for (const variant of rows.length > 1000 ? [VARIANTS[0], VARIANTS[3]] : VARIANTS) {
      at(`${name} at ${variant.width} px, ${variant.scheme}`);
      const { page, context, ms } = await open(browser, url, variant);
      if (variant === VARIANTS[0]) console.log(`${name}: painted after ${Math.round(ms)} ms`);
      await sound(page);
      if (keep) await page.screenshot({ path: `${keep}/${name}-${variant.width}-${variant.scheme}.png` });
      if (claimed) {
        check((await page.locator("main").innerText()).includes("piton measured none of them"), "does not say whose claims they are");
      } else {
        await content(page, facts);
        if (rows.length > 1) await unfolded(page, facts);
        if (keep) await page.screenshot({ path: `${keep}/${name}-${variant.width}-${variant.scheme}-row.png` });
        if (variant === VARIANTS[0] && rows.length > 1) {
          await keyboard(page);
          await tools(page, facts);
        }
      }
      if (variant === VARIANTS[1]) await paper(page, rows, name);
      await context.close();
    }
    at(`${name} without scripts`);
    const { page, context } = await open(browser, url, { scripts: false });
    if (!claimed && rows.length > 1) await bare(page);
    await context.close();
  }
});

async function content(page, facts) {
  const text = await page.locator("main").innerText();
  for (const word of [facts.experiment, facts.run, `${facts.trials}`, facts.provenance.rules[0], facts.provenance.machines[0],
    facts.provenance.confinement[0], facts.provenance.versions[0], ...facts.provenance.harnesses])
    check(text.includes(word), "does not say", word);
  for (const [kind, n] of Object.entries(facts.counts)) check(text.includes(`${n} ${kind}`), "does not count", n, kind);
  check(facts.verified ? text.includes("verified: HEAD against the baseline") : text.includes("not verified"), "does not say whether it is verified");
  check((await page.locator("#list > details").count()) === facts.rows.length, "rows");
  const said = await page.locator("#list > details > summary").evaluateAll((all) => all.map((summary) => summary.textContent));
  facts.rows.forEach((row, i) => check(said[i]?.includes(row.description.slice(0, 20)), "no row says", row.description));
}

// A row of each kind, unfolded, is as sound as the rest.
async function unfolded(page, facts) {
  const kinds = [...new Set(facts.rows.map((row) => row.kind))];
  const rows = kinds.map((kind) => facts.rows.findLast((row) => row.kind === kind && row.trial > 0)).filter(Boolean);
  for (const row of rows) await page.locator(`#t${row.trial}`).evaluate((details) => { details.open = true; });
  await page.locator(`#t${rows[0].trial}`).scrollIntoViewIfNeeded();
  await sound(page);
  const kept = rows.find((row) => row.kind === "kept");
  if (kept) {
    const text = await page.locator(`#t${kept.trial}`).textContent();
    for (const word of ["kept", "lines: +", "gain of each pair", "pass", "expects", "tokens", "@@"]) check(text.includes(word), `trial ${kept.trial} unfolds without`, word);
  }
  const crashed = rows.find((row) => row.reason === "build_failed");
  if (crashed) check((await page.locator(`#t${crashed.trial} pre`).first().textContent()).includes("expected `f32`"), "no log of what did not build");
}

async function keyboard(page) {
  await page.evaluate(() => scrollTo(0, 0));
  await page.locator("#find").focus();
  let steps = 0;
  const tag = () => page.evaluate(() => document.activeElement.tagName);
  while ((await tag()) !== "SUMMARY" && steps++ < 12) await page.keyboard.press("Tab");
  check((await tag()) === "SUMMARY", "Tab does not lead from the tools to the rows");
  const outline = await page.evaluate(() => { const s = getComputedStyle(document.activeElement); return [s.outlineStyle, parseFloat(s.outlineWidth)]; });
  check(outline[0] !== "none" && outline[1] >= 2, "the row that has the focus does not show it", outline);
  const open = () => page.evaluate(() => document.activeElement.parentElement.open);
  const before = await open();
  await page.keyboard.press("Enter");
  check((await open()) === !before, "Enter does not unfold a row");
  await page.keyboard.press("Space");
  check((await open()) === before, "Space does not fold it");
}

async function tools(page, facts) {
  const shown = () => page.locator("#list > details:not([hidden])");
  await page.getByRole("button", { name: "gain" }).click();
  const best = facts.rows.filter((row) => row.gain_pct !== null).reduce((a, b) => (b.gain_pct > a.gain_pct ? b : a));
  const first = await shown().first().evaluate((row) => +row.dataset.g);
  check(Math.abs(Math.expm1(first) * 100 - best.gain_pct) < 0.01, "sorted by gain the first has", first, "and the best", best.gain_pct);
  check((await page.getByRole("button", { name: "gain" }).getAttribute("aria-pressed")) === "true", "the button does not tell that it is pressed");
  await page.getByRole("button", { name: "trial" }).click();
  check((await shown().first().getAttribute("id")) === "t0", "sorted by trial the first is another");
  for (const kind of Object.keys(facts.counts)) {
    await page.locator("#kind").selectOption({ label: `${kind} (${facts.counts[kind]})` });
    const n = facts.rows.filter((row) => row.kind === kind).length;
    check((await shown().count()) === n, `of ${n} that are ${kind} it shows`, await shown().count());
  }
  await page.locator("#kind").selectOption("");
  const hostile = facts.rows.find((row) => row.description.includes("onerror"));
  if (hostile) {
    await page.locator("#find").fill("ONERROR=alert");
    check((await shown().count()) === 1 && (await shown().first().getAttribute("id")) === `t${hostile.trial}`, "a search for words finds another row");
    check((await page.locator("#count").textContent()) === `1 of ${facts.rows.length}`, "the count of what was found");
    check((await page.locator("main img, main script, main iframe").count()) === 0, "foreign text became an element");
  }
  await page.locator("#find").fill("");
  // A link to a row shows it, unfolded.
  const link = page.locator("main a[href^='#t']:not([href='#trials'])").first();
  if (await link.count()) {
    const row = page.locator(await link.getAttribute("href"));
    await row.evaluate((details) => { details.open = false; });
    await link.click();
    await row.evaluate((details) => new Promise((done) => { const look = () => (details.open ? done() : requestAnimationFrame(look)); look(); }));
  }
}

// On paper: everything dark is gone, nothing is cut off.
async function paper(page, rows, name) {
  await page.emulateMedia({ media: "print", colorScheme: "dark" });
  await sound(page);
  await page.emulateMedia({ media: null });
  const { pages, bytes } = await printed(page);
  console.log(`${name}: ${pages} pages of paper, ${bytes} bytes`);
  check(pages >= 1 && pages <= 6 + rows.length / 4, "pages of paper:", pages);
  check(bytes > 10_000, "bytes of PDF:", bytes);
}

// Without scripts the page is whole: rows unfold, and no tool is shown that does nothing.
async function bare(page) {
  check(await page.locator("#tools").isHidden(), "tools that do nothing are shown");
  const row = page.locator("#list > details").nth(1);
  await row.locator("summary").click();
  check((await row.getAttribute("open")) !== null, "a row does not unfold");
  check((await page.locator("#climb svg").first().isVisible()), "no staircase");
}
