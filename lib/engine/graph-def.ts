/** TensorFlow's GraphDef message, restricted to the parts that a recorded step needs. */
import protobuf from 'protobufjs';

/** A node of the graph; `inputs` are `name` or `name:index`. */
export interface GraphNode {
  name: string;
  op: string;
  inputs: string[];
  attributes: Record<string, AttributeValue>;
}

/** One alternative of TensorFlow's `AttrValue`. */
export type AttributeValue =
  | { s: Uint8Array }
  | { i: number }
  | { f: number }
  | { b: boolean }
  | { type: number }
  | { shape: ShapeValue }
  | { tensor: { dtype: number; tensorShape: ShapeValue; tensorContent: Uint8Array } }
  | { list: { i?: number[]; f?: number[]; b?: boolean[]; type?: number[]; s?: Uint8Array[] } };

interface ShapeValue {
  dim: { size: number }[];
}

/** A tensor's shape as a message. */
export function shapeValue(shape: readonly number[]): ShapeValue {
  return { dim: shape.map((size) => ({ size })) };
}

// Field numbers from tensorflow/core/framework/{graph,node_def,attr_value,tensor,tensor_shape}.proto.
const schema = protobuf.parse(
  `syntax = "proto3";
  message Shape { message Dim { int64 size = 1; } repeated Dim dim = 2; }
  message TensorProto { int32 dtype = 1; Shape tensorShape = 2; bytes tensorContent = 4; }
  message ListValue { repeated bytes s = 2; repeated int64 i = 3; repeated float f = 4; repeated bool b = 5; repeated int32 type = 6; }
  message AttrValue { oneof value { ListValue list = 1; bytes s = 2; int64 i = 3; float f = 4; bool b = 5; int32 type = 6; Shape shape = 7; TensorProto tensor = 8; } }
  message NodeDef { string name = 1; string op = 2; repeated string input = 3; map<string, AttrValue> attr = 5; }
  message VersionDef { int32 producer = 1; }
  message GraphDef { repeated NodeDef node = 1; VersionDef versions = 4; }`,
  { keepCase: true },
).root;

/** The GraphDef version that TensorFlow 2.x writes. An older one would disable newer attribute defaults. */
const PRODUCER = 1882;

/** The bytes of a `GraphDef` message. */
export function encodeGraph(nodes: readonly GraphNode[]): Uint8Array {
  const node = nodes.map(({ name, op, inputs, attributes }) => ({ name, op, input: inputs, attr: attributes }));
  return schema
    .lookupType('GraphDef')
    .encode({ node, versions: { producer: PRODUCER } })
    .finish();
}
