/**
 * Loaded into a kernel before it starts: binding a socket takes a second longer, in which its messages come already. As in zeromq, a
 * socket that is being bound can neither send nor receive. A loaded machine binds as slowly.
 */
const Module = require('node:module');

const load = Module._load;
Module._load = function (name, ...rest) {
  const loaded = load.call(this, name, ...rest);
  const prototypes = name === 'zeromq' ? [loaded.Router.prototype, loaded.Reply.prototype] : [];
  for (const prototype of prototypes) {
    if (Object.hasOwn(prototype, 'bind')) continue;
    const { bind, send, receive } = prototype;
    const binding = new WeakSet();
    const define = (method, value) => Object.defineProperty(prototype, method, { value });
    define('bind', async function (address) {
      binding.add(this);
      await bind.call(this, address);
      await new Promise((resolve) => setTimeout(resolve, 1000));
      binding.delete(this);
    });
    const unlessBinding = (operation) =>
      async function (...args) {
        if (binding.has(this)) throw new Error('Socket is blocked by a bind or unbind operation');
        return operation.apply(this, args);
      };
    define('send', unlessBinding(send));
    define('receive', unlessBinding(receive));
  }
  return loaded;
};
