/** How the hub is reached: its address, the login, and whether it may be reached at all. All of it comes from the environment. */
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { HUB_URL } from '@huggingface/hub';
import { fetchThroughProxy } from './hub-proxy.js';

/** The hub's address, or that of a mirror (`HF_ENDPOINT`), without a slash at its end. */
export function endpoint(): string {
  return (process.env.HF_ENDPOINT || HUB_URL).replace(/\/+$/, '');
}

/** Whether `HF_HUB_OFFLINE` forbids to reach the hub. */
export function isOffline(): boolean {
  return isOn(process.env.HF_HUB_OFFLINE);
}

/** What each request to the hub is made with. */
export function access(): { hubUrl: string; fetch: typeof fetch; accessToken?: string } {
  const token = accessToken();
  return { hubUrl: endpoint(), fetch: fetchThroughProxy, ...(token ? { accessToken: token } : {}) };
}

/**
 * The token that requests carry: `HF_TOKEN`, or the login that `hf auth login` stored (`HF_TOKEN_PATH`, by default `token` in `HF_HOME`);
 * none where `HF_HUB_DISABLE_IMPLICIT_TOKEN` is set. As in huggingface_hub.
 */
function accessToken(): string | undefined {
  const { env } = process;
  if (isOn(env.HF_HUB_DISABLE_IMPLICIT_TOKEN)) return undefined;
  const named = (env.HF_TOKEN || env.HUGGING_FACE_HUB_TOKEN)?.trim();
  if (named) return named;
  const file = tokenFile();
  return existsSync(file) ? readFileSync(file, 'utf8').trim() || undefined : undefined;
}

/** The file of the stored login. */
export function tokenFile(): string {
  const { HF_TOKEN_PATH, HF_HOME, XDG_CACHE_HOME } = process.env;
  if (HF_TOKEN_PATH) return HF_TOKEN_PATH;
  return path.join(HF_HOME || path.join(XDG_CACHE_HOME || path.join(homedir(), '.cache'), 'huggingface'), 'token');
}

function isOn(value: string | undefined): boolean {
  return /^(1|on|yes|true)$/i.test(value ?? '');
}
