/** The kit's own operations of TensorFlow; see `operations.cc`. */
#ifndef REASON_RFT_OPERATIONS_H_
#define REASON_RFT_OPERATIONS_H_

#include <string>

namespace kit {

/** Makes the operations known to TensorFlow, once a process. It returns what went wrong; nothing where it went well. */
std::string RegisterOperations();

}  // namespace kit

#endif  // REASON_RFT_OPERATIONS_H_
