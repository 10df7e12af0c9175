/**
 * Recorded steps as functions of TensorFlow's eager context: `addFunction` and `removeFunction` beside what the package's
 * binding exports. When it is loaded, TensorFlow also learns the kit's own operations (`kernels/operations.cc`).
 *
 * A function that the eager context knows is run as any operation is, by `executeOp(name, ...)`. Its inputs and outputs are
 * tensor handles, which stay on the device that computes; a session, as the package's `runSavedModel` has it, takes and gives
 * them on the host.
 *
 * This file is compiled in place of the package's tfjs_binding.cc, which it includes unchanged, so that both share one
 * instance of the backend.
 */
#include <node_api.h>

#include <csignal>

// The package registers its own entry point by this macro; ours, at the end, calls that one and adds to it.
#undef NAPI_MODULE
#define NAPI_MODULE(name, init)
#include "tfjs_binding.cc"

#include <string>
#include <vector>
#include "kernels/operations.h"
#include "tensorflow/c/c_api.h"
#include "tf_auto_status.h"

namespace tfnodejs {

// The class keeps its context private. An explicit instantiation may name a private member ([temp.spec.general]/6).
template <TFE_Context *TFJSBackend::*Member>
struct ContextOf {
  friend TFE_Context *contextOf(TFJSBackend *backend) { return backend->*Member; }
};
template struct ContextOf<&TFJSBackend::tfe_context_>;
TFE_Context *contextOf(TFJSBackend *backend);

static bool fail(napi_env env, const std::string &problem) {
  napi_throw_error(env, nullptr, problem.c_str());
  return false;
}

static bool isOk(napi_env env, const char *call, TF_Status *status) {
  return TF_GetCode(status) == TF_OK || fail(env, std::string(call) + ": " + TF_Message(status));
}

static bool readString(napi_env env, napi_value value, std::string *text) {
  size_t length;
  if (napi_get_value_string_utf8(env, value, nullptr, 0, &length) != napi_ok) return fail(env, "a name must be a string");
  std::vector<char> buffer(length + 1);
  napi_get_value_string_utf8(env, value, buffer.data(), buffer.size(), &length);
  text->assign(buffer.data(), length);
  return true;
}

/** Outputs `name:index` of operations, by the names in a JavaScript array; every index is 0. */
static bool findOutputs(napi_env env, TF_Graph *graph, napi_value names, std::vector<TF_Output> *outputs) {
  uint32_t count;
  if (napi_get_array_length(env, names, &count) != napi_ok) return fail(env, "names must be an array");
  for (uint32_t i = 0; i < count; i++) {
    napi_value element;
    std::string name;
    if (napi_get_element(env, names, i, &element) != napi_ok || !readString(env, element, &name)) return false;
    TF_Operation *operation = TF_GraphOperationByName(graph, name.c_str());
    if (operation == nullptr) return fail(env, "the graph has no operation " + name);
    outputs->push_back({operation, 0});
  }
  return true;
}

/** addFunction(name, graphDef: Uint8Array, inputs: string[], outputs: string[]) */
static napi_value AddFunction(napi_env env, napi_callback_info info) {
  size_t argc = 4;
  napi_value args[4];
  napi_get_cb_info(env, info, &argc, args, nullptr, nullptr);
  std::string name;
  bool is_typed_array = false;
  if (argc == 4) napi_is_typedarray(env, args[1], &is_typed_array);
  if (!is_typed_array) {
    fail(env, "addFunction takes a name, the bytes of a GraphDef, the names of its inputs and those of its outputs");
    return nullptr;
  }
  if (!readString(env, args[0], &name)) return nullptr;
  napi_typedarray_type type;
  size_t length;
  void *bytes;
  napi_get_typedarray_info(env, args[1], &type, &length, &bytes, nullptr, nullptr);
  TFJSBackend *backend = GetTFJSBackend(env);
  if (!backend) return nullptr;

  TF_AutoStatus status;
  TF_Graph *graph = TF_NewGraph();
  TF_ImportGraphDefOptions *options = TF_NewImportGraphDefOptions();
  TF_Buffer *definition = TF_NewBufferFromString(bytes, length);
  TF_GraphImportGraphDef(graph, definition, options, status.status);
  TF_DeleteBuffer(definition);
  TF_DeleteImportGraphDefOptions(options);
  std::vector<TF_Output> inputs, outputs;
  if (isOk(env, "TF_GraphImportGraphDef", status.status) && findOutputs(env, graph, args[2], &inputs) &&
      findOutputs(env, graph, args[3], &outputs)) {
    TF_Function *function =
        TF_GraphToFunction(graph, name.c_str(), /*append_hash_to_fn_name=*/0, /*num_opers=*/-1, nullptr, inputs.size(),
                           inputs.data(), outputs.size(), outputs.data(), nullptr, nullptr, nullptr, status.status);
    if (isOk(env, "TF_GraphToFunction", status.status)) {
      TFE_ContextAddFunction(contextOf(backend), function, status.status);
      isOk(env, "TFE_ContextAddFunction", status.status);
      // The context holds a copy of its own.
      TF_DeleteFunction(function);
    }
  }
  TF_DeleteGraph(graph);
  return nullptr;
}

/** removeFunction(name): frees the function and all that TensorFlow has made of it to run it. */
static napi_value RemoveFunction(napi_env env, napi_callback_info info) {
  size_t argc = 1;
  napi_value args[1];
  napi_get_cb_info(env, info, &argc, args, nullptr, nullptr);
  std::string name;
  if (argc < 1 || !readString(env, args[0], &name)) return nullptr;
  TFJSBackend *backend = GetTFJSBackend(env);
  if (!backend) return nullptr;
  TF_AutoStatus status;
  TFE_ContextRemoveFunction(contextOf(backend), name.c_str(), status.status);
  isOk(env, "TFE_ContextRemoveFunction", status.status);
  return nullptr;
}

/**
 * Blocks signals in this thread and in those that it starts from here on, which are TensorFlow's. Node's other threads take them; where a
 * signal is taken does not matter, as libuv's handler only writes a byte to a pipe.
 *
 * A signal handler that runs on a thread of oneDNN's matrix products for AVX-512 corrupts the heap, and the process dies later, at some
 * free(). We saw it with TensorFlow 2.21 after some thousand signals, in a product that was freeing its memory, and never with
 * ONEDNN_MAX_CPU_ISA=AVX2. So we take it that these products use the stack pointer for something else meanwhile, and that the handler
 * writes its frame there. An interrupt is such a signal, and so is the end of a child process. Faults stay unblocked, and so does SIGPROF,
 * which V8's profiler sends to this very thread.
 */
static void KeepSignalsOffThisThread() {
  sigset_t signals;
  sigfillset(&signals);
  for (int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS, SIGPROF}) sigdelset(&signals, fault);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

static napi_value InitBindingWithFunctions(napi_env env, napi_value exports) {
  KeepSignalsOffThisThread();
  exports = InitTFNodeJSBinding(env, exports);
  if (exports == nullptr) return nullptr;
  // Once a process, which may load the binding in several threads.
  static const std::string problem = kit::RegisterOperations();
  if (!problem.empty()) {
    fail(env, "TensorFlow refused one of the kit's operations, " + problem);
    return nullptr;
  }
  napi_value has_operations;
  napi_get_boolean(env, true, &has_operations);
  const napi_property_descriptor properties[] = {
      {"addFunction", nullptr, AddFunction, nullptr, nullptr, nullptr, napi_default, nullptr},
      {"removeFunction", nullptr, RemoveFunction, nullptr, nullptr, nullptr, napi_default, nullptr},
      {"hasOperations", nullptr, nullptr, nullptr, nullptr, has_operations, napi_default, nullptr},
  };
  napi_define_properties(env, exports, 3, properties);
  return exports;
}

}  // namespace tfnodejs

NAPI_MODULE_INIT() { return tfnodejs::InitBindingWithFunctions(env, exports); }
