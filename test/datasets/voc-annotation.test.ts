// Annotations: boxes from 1-based inclusive corners, flags, actions; malformed and hostile XML.
import assert from 'node:assert/strict';
import { parseAnnotation } from '../../src/datasets/voc-annotation.js';
import { UsageError } from '../../src/errors.js';

const xml = `<annotation>
	<folder>VOC2012</folder>
	<size><width>500</width><height>375</height><depth>3</depth></size>
	<object>
		<name>horse</name>
		<bndbox><xmin>1</xmin><ymin>21</ymin><xmax>500</xmax><ymax>30</ymax></bndbox>
		<truncated>1</truncated>
		<difficult>1</difficult>
	</object>
	<object>
		<name>person</name>
		<actions><jumping>0</jumping><ridinghorse>1</ridinghorse><other>0</other></actions>
		<bndbox><xmax>45.5</xmax><xmin>10.5</xmin><ymax>8</ymax><ymin>8</ymin></bndbox>
		<part><name>head</name><bndbox><xmin>3</xmin><ymin>3</ymin><xmax>4</xmax><ymax>4</ymax></bndbox></part>
	</object>
</annotation>`;

const wrong = (text: string, message: string | RegExp): void => {
  assert.throws(
    () => parseAnnotation(text, 'a.xml'),
    (error) => {
      assert.ok(error instanceof UsageError, String(error));
      if (typeof message === 'string') assert.equal(error.message, message);
      else assert.match(error.message, message);
      return true;
    },
  );
};

describe('parseAnnotation', () => {
  it('reads objects in order; boxes become 0-based corner and size', () => {
    assert.deepEqual(parseAnnotation(xml, 'a.xml'), {
      folder: 'VOC2012',
      filename: undefined,
      width: 500,
      height: 375,
      objects: [
        {
          name: 'horse',
          box: { x: 0, y: 20, width: 500, height: 10 },
          difficult: true,
          truncated: true,
          actions: {},
        },
        {
          name: 'person',
          box: { x: 9.5, y: 7, width: 36, height: 1 },
          difficult: false,
          truncated: false,
          actions: { jumping: false, ridinghorse: true, other: false },
        },
      ],
    });
  });

  it('reads an annotation with one object and with none', () => {
    const one = xml.replace(/<object>\s*<name>person[^]*?<\/object>/, '');
    assert.deepEqual(
      parseAnnotation(one, 'a.xml').objects.map(({ name }) => name),
      ['horse'],
    );
    assert.deepEqual(parseAnnotation(xml.replace(/<object>[^]*<\/object>/, ''), 'a.xml').objects, []);
  });

  it('needs no size of the image', () => {
    const size = /<size>.*<\/size>/;
    for (const text of ['', '<size/>', '<size><width></width></size>', '<size><depth>3</depth></size>']) {
      const { width, height, objects } = parseAnnotation(xml.replace(size, text), 'a.xml');
      assert.deepEqual([width, height, objects.length], [undefined, undefined, 2]);
    }
  });

  it('does not expand entities', () => {
    const levels = Array.from({ length: 20 }, (_, i) => `<!ENTITY e${i + 1} "&e${i};&e${i};">`).join('');
    const bomb = `<!DOCTYPE a [<!ENTITY e0 "lol">${levels}]>${xml.replace('horse', '&e20;')}`;
    assert.equal(parseAnnotation(bomb, 'a.xml').objects[0]!.name, '&e20;');
    wrong(
      `<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]>${xml.replace('horse', '&e;')}`,
      /External entities/,
    );
  });

  it('names what is wrong', () => {
    wrong('', 'Cannot read the annotation a.xml line 1: Start tag expected.');
    wrong(xml.slice(0, 300), /^Cannot read the annotation a\.xml line \d+: /);
    wrong('<html></html>', 'Expected an <annotation> for a.xml but received "other XML".');
    wrong(
      xml.replace('10.5', 'ten'),
      'Expected a number for <xmin> of object 2 of a.xml line 10 but received "ten".',
    );
    wrong(
      xml.replace('<name>horse</name>', ''),
      'Expected a <name> for object 1 of a.xml line 4 but received nothing.',
    );
    wrong(
      xml.replace('<ymax>30', '<ymax>3'),
      'Expected a box with xmin <= xmax and ymin <= ymax for object 1 of a.xml line 4 but received [1,21,500,3].',
    );
  });
});
