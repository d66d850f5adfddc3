import { equal, match, ok } from "node:assert/strict";
import { test } from "node:test";
import { errorPage, prefersPage } from "./error-page.ts";

const CASES: readonly (readonly [accept: string | undefined, page: boolean])[] = [
  [undefined, false],
  ["*/*", false],
  ["", false],
  // Firefox, Chromium and Safari, when somebody goes to a page; then their fetch, and their images.
  ["text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", true],
  [
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8,application/signed-exchange",
    true,
  ],
  ["image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5", false],
  ["text/html", true],
  ["TEXT/HTML", true],
  ["text/html;level=1;q=0.4, application/json;q=0.3", true],
  ["text/html;q=0.3, application/json;q=0.4", false],
  ["text/html, application/json", false],
  ["text/html, application/problem+json", false],
  ["text/html;q=0.9, application/*;q=1", false],
  ["text/html;q=0", false],
  ["text/html;q=x", false],
  ["text/html;q=2", false],
  ["text/htmlx", false],
  ["text/*", false],
  [`${"a/b,".repeat(400)}text/html`, false],
];

for (const [accept, page] of CASES) {
  test(`Accept: ${accept?.slice(0, 60)} ${page ? "asks for a page" : "does not ask for a page"}`, () => {
    equal(
      prefersPage(`Host: a\r\n${accept === undefined ? "" : `Accept: ${accept}\r\n`}X-Accept: text/html\r\n`),
      page,
    );
  });
}

test("several lines are one list", () => {
  equal(prefersPage("accept: text/html\r\nx: y\r\nAccept: application/json\r\n"), false);
  equal(prefersPage("accept: application/json;q=0.1\r\naccept: text/html;q=0.2\r\n"), true);
});

test("what stands in a page is text", () => {
  const evil = `<script>alert("1")</script> & 'x' \u00fc \u{1F600}`;
  const page = errorPage({
    ...{ type: "urn", title: evil, status: 502, detail: evil, code: "unavailable", reason: evil },
    ...{ hint: evil, requestId: evil },
  });
  ok(!/<script|[\u0080-\uffff]|alert\("/.test(page), page);
  match(page, /&#60;script&#62;alert\(&#34;1&#34;\)&#60;\/script&#62; &#38; &#39;x&#39; &#252; &#128512;/);
  match(page, /<h1>502 Bad Gateway<\/h1>/);
});
