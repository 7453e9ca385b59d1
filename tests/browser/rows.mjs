// A page that is served, of a long run, while trials come: "now enter" asks for one, "now painted" tells that it can be seen.
import { at, check, end, launch, open, sound } from "./browser.mjs";

const [url, first, rounds] = [process.argv[2], +process.argv[3], +process.argv[4]];
const origin = new URL(url).origin;
const browser = await launch();
try {
  at("a long page that is served");
  const { page } = await open(browser, url, { allow: (wanted) => new URL(wanted).origin === origin });
  // From here on it is kept up to date.
  await page.waitForFunction(() => document.querySelector("#strip").innerText.includes("nothing is at work"));
  for (let trial = first; trial < first + rounds; trial++) {
    // Seen: its row is there, and the two frames after that are painted.
    const seen = page.evaluate((id) => new Promise((done) => {
      const look = () => {
        if (!document.getElementById(id)) return false;
        requestAnimationFrame(() => requestAnimationFrame(done));
        return true;
      };
      if (!look()) {
        const watch = new MutationObserver(() => look() && watch.disconnect());
        watch.observe(document.getElementById("list"), { childList: true });
      }
    }), `t${trial}`);
    console.log("now enter");
    await seen;
    console.log("now painted");
  }
  check((await page.locator("#list > details").count()) >= rounds, "rows");
  await sound(page);
} catch (error) {
  check(false, error.stack);
} finally {
  await browser.close();
}
end();
