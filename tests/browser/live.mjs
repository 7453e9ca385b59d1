// A page that is served, while a trial goes on as far as the test lets it: "now WORD" asks for the next step.
import { VARIANTS, at, check, follow, sound, within } from "./browser.mjs";

const url = process.argv[2], keep = process.env.PITON_KEEP_SCREENSHOTS;
await within(async (browser) => {
  const pages = [];
  for (const variant of VARIANTS) {
    at(`at ${variant.width} px, ${variant.scheme}`);
    pages.push({ page: await follow(browser, url, variant), name: `${variant.width}-${variant.scheme}` });
  }
  const all = async (where, look) => {
    for (const { page, name } of pages) {
      at(`${name}, ${where}`);
      await look(page);
      await sound(page);
      if (keep) await page.screenshot({ path: `${keep}/live-${name}-${where.replace(/ /g, "-")}.png` });
    }
  };
  // A step has come to its end when every page shows it.
  const step = async (word, where, shown, look = async () => {}) => {
    if (word) console.log(`now ${word}`);
    await Promise.all(pages.map(({ page }) => page.waitForFunction(shown, null, { timeout: 60_000 })));
    await all(where, look);
  };
  await step(null, "before", () => document.querySelector("#strip").innerText.includes("nothing is at work"));
  await step("begin", "warming up", () => document.querySelector("#strip").innerText.includes("trial 1: warming up"));
  await step("pairs", "pair 3", () => document.querySelector("#strip").innerText.includes("trial 1: pair 3"), async (page) => {
    const text = await page.locator("#strip").innerText();
    for (const word of ["<b>faster</b> tiles", "2 pairs of at most", "of the 50 that keep"]) check(text.includes(word), "does not say", word, "but", text);
    check((await page.locator("#strip meter").count()) === 2, "the evidence has no two bounds");
    check(await page.locator("#strip .pairs svg").isVisible(), "the pairs have no picture");
  });
  await step("end", "judged", () => document.querySelector("#t1") && document.querySelector("#climb svg").innerHTML.includes("130") && document.querySelector("#strip").innerText.includes("nothing is at work"), async (page) => {
    check((await page.locator("#said").innerText()).startsWith("trial 1: "), "nobody is told of the trial");
    check((await page.locator("#list > details").count()) === 2, "rows");
    await page.locator("#t1 > summary").click();
    check((await page.locator("#t1").innerText()).includes("+const SPEED: u32 = 130;"), "the row does not unfold to its diff");
  });
  const { page } = pages[0];
  at("a note");
  await page.getByLabel("note").fill("mind the <gap>");
  await page.keyboard.press("Enter");
  const says = (words) => page.waitForFunction((words) => document.getElementById("said").innerText.includes(words), words, { timeout: 30_000 });
  await says("noted for run r");
  check((await page.getByLabel("note").inputValue()) === "", "the note is still in its field");
  at("a button");
  await page.getByRole("button", { name: "stop after this trial" }).click();
  await says("no climb is at work");
  await sound(page);
});
