// A page that is served, of a long run, while trials come: "now enter" asks for one, "now row" and "now picture" tell
// what of it can be seen.
import { at, check, follow, sound, within } from "./browser.mjs";

const [url, first, rounds] = [process.argv[2], +process.argv[3], +process.argv[4]];
await within(async (browser) => {
  at("a long page that is served");
  const page = await follow(browser, url, {});
  // From here on it is kept up to date.
  await page.waitForFunction(() => document.querySelector("#strip").innerText.includes("nothing is at work"));
  for (let trial = first; trial < first + rounds; trial++) {
    // Seen: it is there, and the two frames after that are painted.
    const seen = (id, place) => page.evaluate(([id, place]) => new Promise((done) => {
      const there = () => !id || document.getElementById(id);
      const frames = () => requestAnimationFrame(() => requestAnimationFrame(done));
      if (id && there()) return frames();
      const watch = new MutationObserver(() => there() && (watch.disconnect(), frames()));
      watch.observe(document.getElementById(place), { childList: true });
    }), [id, place]);
    const [row, picture] = [seen(`t${trial}`, "list"), seen(null, "top")];
    console.log("now enter");
    await row;
    console.log("now row");
    await picture;
    console.log("now picture");
  }
  check((await page.locator("#list > details").count()) >= rounds, "rows");
  await sound(page);
});
