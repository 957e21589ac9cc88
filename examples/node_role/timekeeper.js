// The timekeeper: says how much of a run's time is left, and what fits into it. A role in another language, written
// from `postdocs schema --asyncapi` alone; the numbers in the comments are those of its description.
//
//     POSTDOCS_BUS_URL=nats://host:4222 POSTDOCS_BUS_TOKEN=… node timekeeper.js
//
// SIGTERM and SIGINT end it when it has answered what it is at.

import { createHash, randomBytes } from "node:crypto";
import { connect, headers } from "nats";

const NAME = "timekeeper";
const BEAT_MS = 1000;
const THINK_MS = Number(process.env.TIMEKEEPER_THINK_MS ?? 0); // to see it beat
const NO_RUN = "none"; // what belongs to no run is not kept
const STANDS_THERE_ALREADY = 10071;

// -- what it knows of its trade -----------------------------------------------------------------------------------

/** advice_request → advice */
async function advise(request) {
  await new Promise((done) => setTimeout(done, THINK_MS));
  const ended = request.digest.entries.filter((entry) => entry.status === "scored");
  const taken = ended.map((entry) => entry.seconds).sort((a, b) => a - b);
  const usual = taken[Math.floor(taken.length / 2)];
  const left = `${Math.round(request.seconds_left)} s are left`;
  if (!usual) return { type: "advice", text: `${left}.` };
  const room = Math.max(0, Math.floor(request.digest.seconds_left / usual));
  return { type: "advice", text: `${left}, room for ${room} more jobs of ${usual.toFixed(0)} s.` };
}

/** question → reply: whoever asks it in plain words */
async function reply(question) {
  return { type: "reply", text: `${Math.round(question.digest.seconds_left)} s of training are left.` };
}

const ANSWERS = { advice_request: advise, question: reply };

// -- how a role answers -------------------------------------------------------------------------------------------

const nc = await connect({
  servers: process.env.POSTDOCS_BUS_URL ?? "nats://127.0.0.1:4222",
  token: process.env.POSTDOCS_BUS_TOKEN || undefined,
  name: NAME,
  maxReconnectAttempts: -1,
});
const atWork = new Map(); // id of a request → the promise of its answer

/** 4: an envelope around `data` */
function wrap(request, data, id) {
  return {
    specversion: "1.0",
    id,
    source: `/${NAME}`,
    type: `postdocs.${data.type}`,
    time: new Date().toISOString(),
    run: request.run,
    sender: NAME,
    recipient: request.sender,
    causation: request.id,
    data,
  };
}

const passing = (request, data) => JSON.stringify(wrap(request, data, randomBytes(12).toString("hex")));

/** 3: the id of the answer to a request */
function replyId(request) {
  const text = [request.run, request.id, "reply"].join("\x1f");
  return createHash("sha256").update(text).digest("hex").slice(0, 24);
}

/** 3: what the journal has under an id, or undefined */
async function journaled(run, id) {
  const wanted = JSON.stringify({ last_by_subj: `run.${run}.said.*.${id}` });
  const found = await nc.request(`$JS.API.DIRECT.GET.RUN_${run}`, wanted, { timeout: 5000 });
  return found.headers?.code === 404 ? undefined : found.json();
}

/** 5: write an answer into the journal; the one that stands there, if another instance was faster */
async function journal(answer) {
  const once = headers();
  once.set("Nats-Expected-Last-Subject-Sequence", "0");
  const subject = `run.${answer.run}.said.${answer.data.type}.${answer.id}`;
  const ack = (await nc.request(subject, JSON.stringify(answer), { headers: once, timeout: 10000 })).json();
  if (ack.error && ack.error.err_code !== STANDS_THERE_ALREADY) throw new Error(ack.error.description);
  return ack.error ? journaled(answer.run, answer.id) : answer;
}

async function answer(request) {
  const id = replyId(request);
  const kept = request.run !== NO_RUN;
  const before = kept && (await journaled(request.run, id));
  if (before) return before;
  const think = ANSWERS[request.data.type];
  if (!think) throw new Error(`${NAME} does not answer ${request.data.type}; it answers ${Object.keys(ANSWERS)}`);
  const said = wrap(request, await think(request.data), id);
  return kept ? journal(said) : said;
}

/** 2 and 6: acknowledge at once, beat while the work goes on, then answer or say why not */
async function receive(message) {
  let request;
  try {
    request = message.json();
  } catch (error) {
    console.error(`${NAME}: not JSON: ${error.message}`);
    return;
  }
  let beat = 0;
  const tell = () => message.respond(passing(request, { type: "working", by: NAME, beat: beat++ }));
  tell();
  const beats = setInterval(tell, BEAT_MS);
  if (!atWork.has(request.id)) {
    atWork.set(request.id, answer(request).finally(() => atWork.delete(request.id)));
  }
  try {
    message.respond(JSON.stringify(await atWork.get(request.id)));
  } catch (error) {
    message.respond(passing(request, { type: "failure", error: error.message }));
  } finally {
    clearInterval(beats);
  }
}

// 1: one queue subscription, seen by `nats micro ls`
const service = await nc.services.add({
  name: NAME,
  version: "0.1.0",
  description: "says how much of a run's time is left, and what fits into it",
  queue: "q",
});
const replies = new Set();
service.addEndpoint("ask", {
  subject: `ask.${NAME}`,
  handler: (error, message) => {
    if (error) return;
    const reply = receive(message).finally(() => replies.delete(reply));
    replies.add(reply);
  },
});
await nc.flush(); // who reads the line may ask at once
console.log(`${NAME} answers on ${nc.getServer()}`);

for (const signal of ["SIGTERM", "SIGINT"]) {
  process.once(signal, async () => {
    await service.stop();
    while (replies.size) await Promise.allSettled(replies);
    await nc.drain();
  });
}
await nc.closed();
