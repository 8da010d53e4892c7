// Runs cdk-nag's rules on synthesised templates: node nag.js TEMPLATE...
//
// The guarantee: each finding of each rule on each template is either mended or in
// suppressions.json with a reason, a rule that cannot be evaluated is a finding
// too, and a suppression that suppresses nothing fails.
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const { App, Aspects, DefaultStackSynthesizer, Stack } = require("aws-cdk-lib");
const { CfnInclude } = require("aws-cdk-lib/cloudformation-include");
const { AwsSolutionsChecks, ServerlessChecks } = require("cdk-nag");

const packs = [AwsSolutionsChecks, ServerlessChecks];

// Collector takes what the rules say instead of the CDK's annotations.
class Collector {
  findings = [];
  held = 0;

  onCompliance() {
    this.held++;
  }
  onNonCompliance(data) {
    this.#add(data, data.findingId ?? "", data.ruleInfo);
  }
  onError(data) {
    this.#add(data, "", `the rule could not be evaluated: ${data.errorMessage}`);
  }
  // Templates carry no suppressions of cdk-nag's own kind; one would be a way
  // around the one file.
  onSuppressed(data) {
    this.#add(data, "", "suppressed in the template: move it to suppressions.json");
  }
  onSuppressedError(data) {
    this.onSuppressed(data);
  }
  onNotApplicable() {}

  #add(data, finding, text) {
    // The path in the construct tree that made the template, not in this one.
    const where = data.resource.getMetadata?.("aws:cdk:path") ?? data.resource.node.id;
    this.findings.push({ rule: data.ruleId, resource: where.replace(/\/Resource$/, ""), finding, text });
  }
}

// check returns what the rules find in one template.
function check(file) {
  const app = new App({ analyticsReporting: false, outdir: fs.mkdtempSync(path.join(require("node:os").tmpdir(), "nag-")) });
  try {
    const stack = new Stack(app, "Review", {
      // The template brings its own version of the rule.
      synthesizer: new DefaultStackSynthesizer({ generateBootstrapVersionRule: false }),
    });
    new CfnInclude(stack, "Template", { templateFile: file });
    const collector = new Collector();
    for (const Pack of packs) {
      Aspects.of(app).add(new Pack({ verbose: true, additionalLoggers: [collector], reports: false }));
    }
    app.synth();
    return collector;
  } finally {
    fs.rmSync(app.outdir, { recursive: true, force: true });
  }
}

// read takes the suppressions, each {rule, resource, finding?, reason}: resource
// and finding are regular expressions for the whole of the text.
function read(file) {
  return JSON.parse(fs.readFileSync(file, "utf8")).map((s, i) => {
    const unknown = Object.keys(s).filter((k) => !["rule", "resource", "finding", "reason"].includes(k));
    if (unknown.length > 0 || !s.rule || !s.resource || !(s.reason?.length >= 20)) {
      throw new Error(`${file}: entry ${i + 1}: want rule, resource, a reason of a sentence, and perhaps finding; got ${JSON.stringify(s)}`);
    }
    const whole = (text) => new RegExp(`^(?:${text})$`);
    return { ...s, used: false, matches: (f) => f.rule === s.rule && whole(s.resource).test(f.resource) && whole(s.finding ?? "").test(f.finding) };
  });
}

// review returns the problems that are left, as text.
function review(templates, suppressions) {
  const problems = [];
  let held = 0;
  let suppressed = 0;
  for (const file of templates) {
    const { findings, held: count } = check(file);
    if (count + findings.length === 0) {
      problems.push(`${file}: no rule applied to anything: is it a template?`);
    }
    held += count;
    for (const f of findings) {
      const by = suppressions.filter((s) => s.matches(f));
      by.forEach((s) => (s.used = true));
      if (by.length === 0) {
        problems.push(`${file}: ${f.resource}: ${f.rule}${f.finding && `[${f.finding}]`}: ${f.text}`);
      } else {
        suppressed++;
      }
    }
  }
  for (const s of suppressions.filter((s) => !s.used)) {
    problems.push(`suppressions.json: ${s.rule} at ${s.resource}: suppresses nothing, remove it`);
  }
  return { problems, summary: `${held} checks held, ${suppressed} findings suppressed by ${suppressions.length} entries, in ${templates.length} templates` };
}

module.exports = { read, review };

if (require.main === module) {
  const { problems, summary } = review(process.argv.slice(2), read(path.join(__dirname, "suppressions.json")));
  problems.forEach((p) => console.error(`nag: ${p}`));
  console.log(`nag: ${summary}, ${problems.length} problems`);
  process.exitCode = problems.length > 0 || process.argv.length < 3 ? 1 : 0;
}
