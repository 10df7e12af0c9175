/** Prompts as templates: the columns that they read, and the presets of the paper's tasks. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseBounded } from '../../lib/engine/bounded-template.js';
import { Random } from '../../lib/engine/random.js';
import { PromptTemplate } from '../../lib/tasks/prompt-template.js';
import { PROMPT_PRESETS } from '../../lib/tasks/prompts.js';
import { recordPrompt, TASKS } from '../../lib/tasks/tasks.js';
import { templateColumns } from '../../lib/tasks/template-columns.js';

const row = { id: '1', image: [], problem: 'What is <answer>?', answer: 'black', shape: { sides: 4 } };

test('a template reads the variables that it does not make itself; names of filters, tests, fields and arguments are none', () => {
  const source =
    '{% for x in a %}{{ loop.index }}{{ x.b | upper }}{% else %}{{ empty }}{% endfor %}' +
    "{% if c is defined and d.e[f] == 'x' %}{{ g | join(sep) }}{{ c }}{% endif %}{% set h = 1 %}{{ h + i }}" +
    "{{ 'a' if j else k }}{% for n in range(p) %}{% endfor %}{% macro m(aa, bb=cc) %}{{ aa }}{% endmacro %}{{ m(1, bb=2) }}" +
    "{{ {'u': v} }}{{ w[y:] }}{{ not z }}";
  assert.deepEqual(templateColumns(parseBounded(source)), {
    needed: ['a', 'cc', 'd', 'empty', 'f', 'g', 'i', 'j', 'k', 'p', 'sep', 'v', 'w', 'y', 'z'],
    optional: ['c'],
  });
});

test('a column that the row lacks is named with those that it has; one that is asked after may be absent', () => {
  assert.equal(new PromptTemplate('{{ problem }} {{ shape.sides }} sides').render(row), 'What is <answer>? 4 sides');
  assert.throws(
    () => new PromptTemplate('{{ question }}').render(row),
    /has a place for 'question', which row '1' has not; its columns are id, image, problem, answer, shape/,
  );
  const optional = new PromptTemplate('{% if hint is defined %}{{ hint }} {% endif %}{{ problem }}');
  assert.equal(optional.render(row), row.problem);
  assert.equal(optional.render({ ...row, hint: 'Look.' }), 'Look. What is <answer>?');
});

test('text of a row is data: what looks like a template in it is not rendered', () => {
  const problem = '{{ answer }} {% for x in y %}';
  assert.equal(new PromptTemplate('{{ problem }}').render({ ...row, problem }), problem);
});

test('the presets are the prompts of the paper’s tasks, letter by letter', () => {
  for (const name of ['counting', 'structure', 'transformation'] as const) {
    const template = new PromptTemplate(PROMPT_PRESETS[name]);
    const domain = Object.keys(TASKS[name].testSets.id.domains)[0]!;
    for (let i = 0; i < 20; i++) {
      const record = TASKS[name].sample(domain, `${i}`, new Random(i, name));
      assert.equal(template.render(record), recordPrompt(record, 'think'));
    }
  }
  assert.equal(new PromptTemplate(PROMPT_PRESETS.any).render(row), recordPrompt(row, 'think'));
});
