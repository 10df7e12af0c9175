/**
 * The arithmetic of `decode.h` as operations of TensorFlow, on the CPU and without gradients, through its C API for kernels.
 *
 * A decoded token takes some 300 of TensorFlow's own operations, most of which run for a microsecond or two and take as long to be
 * started; with these it takes some 40. Each of them runs on the thread that starts it.
 */
#include "operations.h"

#include <memory>
#include <vector>

#include "decode.h"
#include "tensorflow/c/kernels.h"
#include "tensorflow/c/ops.h"
#include "tensorflow/c/tf_tensor.h"

namespace kit {

/** The attributes of an operation; each has some of them. */
struct Attributes {
  float eps = 0, temperature = 0;
  int32_t step = 0, size = 0, place = 0;
};

/** One run of an operation: its inputs and outputs, until it ends. A failed check fails the step that the operation belongs to. */
class Run {
 public:
  explicit Run(TF_OpKernelContext *context) : context_(context), status_(TF_NewStatus()) {}
  ~Run() {
    for (TF_Tensor *tensor : tensors_) TF_DeleteTensor(tensor);
    if (TF_GetCode(status_) != TF_OK) TF_OpKernelContext_Failure(context_, status_);
    TF_DeleteStatus(status_);
  }

  bool ok() const { return TF_GetCode(status_) == TF_OK; }

  bool check(bool condition, const char *problem) {
    if (ok() && !condition) TF_SetStatus(status_, TF_INVALID_ARGUMENT, problem);
    return ok();
  }

  /** An input of so many axes. */
  const TF_Tensor *input(int index, int axes) {
    TF_Tensor *tensor = nullptr;
    if (ok()) TF_GetInput(context_, index, &tensor, status_);
    if (!ok()) return nullptr;
    tensors_.push_back(tensor);
    return check(TF_NumDims(tensor) == axes, "an input has the wrong number of axes") ? tensor : nullptr;
  }

  float *output(int index, const std::vector<int64_t> &shape) {
    return static_cast<float *>(allocate(index, TF_FLOAT, shape));
  }
  int32_t *integers(int index, const std::vector<int64_t> &shape) {
    return static_cast<int32_t *>(allocate(index, TF_INT32, shape));
  }

  /** An output that starts as a copy of an input: in its memory, if nobody else reads that. */
  float *changed(int input_index, int index, const std::vector<int64_t> &shape) {
    if (!ok()) return nullptr;
    int forwarded = -1;
    TF_Tensor *tensor = TF_ForwardInputOrAllocateOutput(context_, &input_index, 1, index, shape.data(),
                                                        static_cast<int>(shape.size()), &forwarded, status_);
    if (!ok()) return nullptr;
    tensors_.push_back(tensor);
    if (forwarded != input_index) {
      const TF_Tensor *source = input(input_index, static_cast<int>(shape.size()));
      if (!source || !check(TF_TensorByteSize(source) == TF_TensorByteSize(tensor), "a cache has the wrong shape"))
        return nullptr;
      std::memcpy(TF_TensorData(tensor), TF_TensorData(source), TF_TensorByteSize(tensor));
    }
    return static_cast<float *>(TF_TensorData(tensor));
  }

 private:
  void *allocate(int index, TF_DataType type, const std::vector<int64_t> &shape) {
    if (!ok()) return nullptr;
    size_t bytes = 4;
    for (int64_t length : shape) bytes *= length;
    TF_Tensor *tensor = TF_AllocateOutput(context_, index, type, shape.data(), static_cast<int>(shape.size()), bytes, status_);
    if (!ok()) return nullptr;
    tensors_.push_back(tensor);
    return TF_TensorData(tensor);
  }

  TF_OpKernelContext *context_;
  TF_Status *status_;
  std::vector<TF_Tensor *> tensors_;
};

static const float *floats(const TF_Tensor *tensor) { return static_cast<const float *>(TF_TensorData(tensor)); }
static const int32_t *integers(const TF_Tensor *tensor) { return static_cast<const int32_t *>(TF_TensorData(tensor)); }

/** Inputs x `[rows, width]` and weight `[width]`; output the normed x. */
static void ComputeNorm(void *attributes, TF_OpKernelContext *context) {
  Run run(context);
  const TF_Tensor *x = run.input(0, 2), *weight = run.input(1, 1);
  if (!run.ok()) return;
  const int64_t rows = TF_Dim(x, 0), width = TF_Dim(x, 1);
  if (!run.check(TF_Dim(weight, 0) == width, "the norm's weight has another width than x")) return;
  float *normed = run.output(0, {rows, width});
  if (!run.ok()) return;
  const float eps = static_cast<Attributes *>(attributes)->eps;
  run_add_norm({rows, width, eps, floats(x), nullptr, floats(weight), nullptr, normed});
}

/** Inputs x and delta `[rows, width]` and weight `[width]`; outputs x + delta and its norm. */
static void ComputeAddNorm(void *attributes, TF_OpKernelContext *context) {
  Run run(context);
  const TF_Tensor *x = run.input(0, 2), *delta = run.input(1, 2), *weight = run.input(2, 1);
  if (!run.ok()) return;
  const int64_t rows = TF_Dim(x, 0), width = TF_Dim(x, 1);
  if (!run.check(TF_Dim(weight, 0) == width, "the norm's weight has another width than x") ||
      !run.check(TF_Dim(delta, 0) == rows && TF_Dim(delta, 1) == width, "x and what is added to it differ in shape"))
    return;
  float *sum = run.output(0, {rows, width}), *normed = run.output(1, {rows, width});
  if (!run.ok()) return;
  const float eps = static_cast<Attributes *>(attributes)->eps;
  run_add_norm({rows, width, eps, floats(x), floats(delta), floats(weight), sum, normed});
}

/** Input gate and up side by side, `[rows, 2 x width]`; output `[rows, width]`. */
static void ComputeSwiGlu(void *, TF_OpKernelContext *context) {
  Run run(context);
  const TF_Tensor *both = run.input(0, 2);
  if (!run.ok() || !run.check(TF_Dim(both, 1) % 2 == 0, "gate and up differ in width")) return;
  const int64_t rows = TF_Dim(both, 0), width = TF_Dim(both, 1) / 2;
  float *out = run.output(0, {rows, width});
  if (run.ok()) run_swi_glu({rows, width, floats(both), out});
}

/**
 * Inputs: qkv, its bias or `[0]`, the head norms' weights or `[0]`, cosines and sines of the chunk `[chunk, rows, size / 2]`, the
 * prompts' keys, values and biases, the windows' bias, keys and values; outputs: what was attended to, and the windows' keys and values
 * with the new token's. See `AttentionWork` for the shapes.
 */
static void ComputeAttention(void *kernel, TF_OpKernelContext *context) {
  const Attributes &attributes = *static_cast<Attributes *>(kernel);
  Run run(context);
  const TF_Tensor *qkv = run.input(0, 2), *bias = run.input(1, 1), *norms = run.input(2, 1);
  const TF_Tensor *cosines = run.input(3, 3), *sines = run.input(4, 3);
  const TF_Tensor *keys = run.input(5, 4), *values = run.input(6, 4), *prompt_bias = run.input(7, 2);
  const TF_Tensor *window_bias = run.input(8, 1);
  if (!run.ok()) return;
  AttentionWork work;
  work.size = attributes.size, work.eps = attributes.eps, work.place = attributes.place;
  work.prompts = TF_Dim(keys, 0), work.groups = TF_Dim(keys, 1), work.width = TF_Dim(keys, 2);
  const int64_t rows = TF_Dim(qkv, 0), across = TF_Dim(qkv, 1);
  if (!run.check(TF_Dim(keys, 3) == work.size && work.size > 0 && work.size % 2 == 0, "keys have another head size") ||
      !run.check(work.prompts > 0 && rows % work.prompts == 0, "prompts have unequally many rows") ||
      !run.check(work.groups > 0 && across % (work.size * work.groups) == 0, "queries, keys and values have the wrong width") ||
      !run.check(TF_TensorElementCount(values) == TF_TensorElementCount(keys), "keys and values differ in shape") ||
      !run.check(TF_Dim(prompt_bias, 0) == work.prompts && TF_Dim(prompt_bias, 1) == work.width, "prompts and their bias differ in shape"))
    return;
  work.slots = rows / work.prompts;
  work.heads_per_group = across / work.size / work.groups - 2;
  work.window = TF_Dim(window_bias, 0);
  const int64_t heads = work.heads_per_group * work.groups, half = work.size / 2, step = attributes.step;
  const auto fits_step = [&](const TF_Tensor *angles) {
    return TF_Dim(angles, 0) > step && TF_Dim(angles, 1) == rows && TF_Dim(angles, 2) == half;
  };
  const auto is_absent_or = [](const TF_Tensor *tensor, int64_t length) {
    return TF_Dim(tensor, 0) == 0 || TF_Dim(tensor, 0) == length;
  };
  if (!run.check(work.heads_per_group > 0, "queries, keys and values have the wrong width") ||
      !run.check(step >= 0 && fits_step(cosines) && fits_step(sines), "the angles have the wrong shape") ||
      !run.check(work.place >= 0 && work.place < work.window, "the new token's place is not in the window") ||
      !run.check(is_absent_or(bias, across), "the bias has the wrong length") ||
      !run.check(is_absent_or(norms, across - work.groups * work.size), "the head norms have the wrong length"))
    return;
  const std::vector<int64_t> cache = {work.prompts, work.groups, work.slots, work.window, work.size};
  work.window_keys = run.changed(9, 1, cache);
  work.window_values = run.changed(10, 2, cache);
  work.out = run.output(0, {rows, heads * work.size});
  if (!run.ok()) return;
  std::vector<float> turned((heads + work.groups) * work.size), scores(work.width + work.window);
  work.qkv = floats(qkv);
  work.bias = TF_Dim(bias, 0) ? floats(bias) : nullptr;
  work.head_norms = TF_Dim(norms, 0) ? floats(norms) : nullptr;
  work.cosines = floats(cosines) + step * rows * half, work.sines = floats(sines) + step * rows * half;
  work.prompt_keys = floats(keys), work.prompt_values = floats(values), work.prompt_bias = floats(prompt_bias);
  work.window_bias = floats(window_bias);
  work.turned = turned.data(), work.scores = scores.data();
  run_attend(work);
}

/** Inputs logits `[rows, vocab]`, uniform numbers `[chunk, rows]`, done `[rows]`, end tokens; outputs tokens, log-probabilities, done. */
static void ComputeDraw(void *kernel, TF_OpKernelContext *context) {
  const Attributes &attributes = *static_cast<Attributes *>(kernel);
  Run run(context);
  const TF_Tensor *logits = run.input(0, 2), *uniform = run.input(1, 2), *done = run.input(2, 1), *ends = run.input(3, 1);
  if (!run.ok()) return;
  const int64_t rows = TF_Dim(logits, 0), vocab = TF_Dim(logits, 1), step = attributes.step;
  if (!run.check(vocab > 0, "there are no logits") ||
      !run.check(step >= 0 && TF_Dim(uniform, 0) > step && TF_Dim(uniform, 1) == rows, "the random numbers have the wrong shape") ||
      !run.check(TF_Dim(done, 0) == rows, "done has another length than the batch"))
    return;
  int32_t *tokens = run.integers(0, {rows});
  float *log_probs = run.output(1, {rows});
  int32_t *done_after = run.integers(2, {rows});
  if (!run.ok()) return;
  std::vector<float> room(2 * vocab);
  run_draw({rows, vocab, TF_Dim(ends, 0), attributes.temperature, floats(logits), floats(uniform) + step * rows, integers(done),
            integers(ends), tokens, log_probs, done_after, room.data(), room.data() + vocab});
}

typedef void Compute(void *kernel, TF_OpKernelContext *context);

struct Operation {
  const char *name;
  std::vector<const char *> inputs, outputs, attributes;
  Compute *compute;
};

static const std::vector<Operation> &operations() {
  static const std::vector<Operation> all = {
      {"ReasonRftNorm", {"x: float", "weight: float"}, {"normed: float"}, {"eps: float"}, ComputeNorm},
      {"ReasonRftAddNorm",
       {"x: float", "delta: float", "weight: float"},
       {"sum: float", "normed: float"},
       {"eps: float"},
       ComputeAddNorm},
      {"ReasonRftSwiGlu", {"gate_and_up: float"}, {"out: float"}, {}, ComputeSwiGlu},
      {"ReasonRftAttention",
       {"qkv: float", "bias: float", "head_norms: float", "cosines: float", "sines: float", "prompt_keys: float",
        "prompt_values: float", "prompt_bias: float", "window_bias: float", "window_keys: float", "window_values: float"},
       {"attended: float", "keys: float", "values: float"},
       {"eps: float", "size: int", "step: int", "place: int"},
       ComputeAttention},
      {"ReasonRftDraw",
       {"logits: float", "uniform: float", "done: int32", "end_tokens: int32"},
       {"tokens: int32", "log_probs: float", "done_after: int32"},
       {"temperature: float", "step: int"},
       ComputeDraw},
  };
  return all;
}

/** Reads whichever attributes the operation has. */
static void *ReadAttributes(TF_OpKernelConstruction *construction) {
  auto attributes = std::make_unique<Attributes>();
  const std::unique_ptr<TF_Status, decltype(&TF_DeleteStatus)> status(TF_NewStatus(), TF_DeleteStatus);
  const auto read = [&](const char *name, auto get, auto *value) {
    if (TF_OpKernelConstruction_HasAttr(construction, name, status.get())) get(construction, name, value, status.get());
    if (TF_GetCode(status.get()) != TF_OK) TF_OpKernelConstruction_Failure(construction, status.get());
  };
  read("eps", TF_OpKernelConstruction_GetAttrFloat, &attributes->eps);
  read("temperature", TF_OpKernelConstruction_GetAttrFloat, &attributes->temperature);
  read("step", TF_OpKernelConstruction_GetAttrInt32, &attributes->step);
  read("size", TF_OpKernelConstruction_GetAttrInt32, &attributes->size);
  read("place", TF_OpKernelConstruction_GetAttrInt32, &attributes->place);
  return attributes.release();
}

static void DeleteAttributes(void *kernel) { delete static_cast<Attributes *>(kernel); }

std::string RegisterOperations() {
  const std::unique_ptr<TF_Status, decltype(&TF_DeleteStatus)> status(TF_NewStatus(), TF_DeleteStatus);
  for (const Operation &operation : operations()) {
    TF_OpDefinitionBuilder *definition = TF_NewOpDefinitionBuilder(operation.name);
    for (const char *spec : operation.attributes) TF_OpDefinitionBuilderAddAttr(definition, spec);
    for (const char *spec : operation.inputs) TF_OpDefinitionBuilderAddInput(definition, spec);
    for (const char *spec : operation.outputs) TF_OpDefinitionBuilderAddOutput(definition, spec);
    TF_OpDefinitionBuilderSetShapeInferenceFunction(definition, TF_ShapeInferenceContextSetUnknownShape);
    TF_RegisterOpDefinition(definition, status.get());
    if (TF_GetCode(status.get()) == TF_OK) {
      TF_KernelBuilder *kernel = TF_NewKernelBuilder(operation.name, "CPU", ReadAttributes, operation.compute, DeleteAttributes);
      TF_RegisterKernelBuilder(operation.name, kernel, status.get());
    }
    if (TF_GetCode(status.get()) != TF_OK) return std::string(operation.name) + ": " + TF_Message(status.get());
  }
  return "";
}

}  // namespace kit
