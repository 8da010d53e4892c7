"use strict";

const assert = require("node:assert");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const { test } = require("node:test");
const { read, review } = require("./nag.js");

const dir = fs.mkdtempSync(path.join(os.tmpdir(), "nag-test-"));
process.on("exit", () => fs.rmSync(dir, { recursive: true, force: true }));

function write(name, value) {
  const file = path.join(dir, name);
  fs.writeFileSync(file, JSON.stringify(value));
  return file;
}

// A topic that takes messages in clear text: AwsSolutions-SNS3, and nothing else.
const template = write("bad.template.json", {
  Resources: { Topic: { Type: "AWS::SNS::Topic", Metadata: { "aws:cdk:path": "stack/Topic/Resource" } } },
});
const clearText = { rule: "AwsSolutions-SNS3", resource: "stack/Topic", reason: "nobody publishes to this topic of a test" };

test("a finding without a suppression is a problem", () => {
  const { problems } = review([template], []);
  assert.equal(problems.length, 1);
  assert.match(problems[0], /stack\/Topic: AwsSolutions-SNS3: .*SSL/);
});

test("a suppression takes its finding away", () => {
  assert.deepEqual(review([template], read(write("one.json", [clearText]))).problems, []);
});

test("a suppression is of one rule, one resource and one finding", () => {
  for (const other of [{ rule: "AwsSolutions-SNS2" }, { resource: "stack/Top" }, { resource: "Topic" }, { finding: "Resource::.*" }]) {
    const { problems } = review([template], read(write("other.json", [{ ...clearText, ...other }])));
    assert.equal(problems.length, 2, JSON.stringify(other));
    assert.match(problems[1], /suppresses nothing/);
  }
});

test("a suppression needs a reason, and no field that is not known", () => {
  for (const wrong of [{ reason: "" }, { reason: "fine" }, { reason: undefined }, { resources: "x" }]) {
    assert.throws(() => read(write("wrong.json", [{ ...clearText, ...wrong }])), /entry 1/, JSON.stringify(wrong));
  }
});

test("an empty template is no success", () => {
  assert.match(review([write("empty.template.json", { Resources: {} })], []).problems[0], /no rule applied/);
});
