// Run by node: a line of JSON in is what to do, a line out is what came of it. As python_program.py, with better-sqlite3.
const Database = require("better-sqlite3");
const fs = require("fs");
const {Worker} = require("worker_threads");

const connections = {};
const leftOpen = [];

function run(database, text) {
  const statement = database.prepare(text);
  return statement.reader ? statement.raw().all() : (statement.run(), []);
}

const actions = {
  opened(name, path) {
    connections[name] = new Database(path, {timeout: 60000});
    connections[name].function("begun", (file) => { fs.writeFileSync(file, ""); return 1; });
  },
  load: (name, path) => void connections[name].loadExtension(path),
  sql: (name, text) => run(connections[name], text),
  step(name, text) {
    leftOpen.push(connections[name].prepare(text).raw().iterate());
    return leftOpen.at(-1).next().value;
  },
  // another thread with a connection of its own
  async in_thread(path, library, text) {
    const code = `
      const {parentPort, workerData} = require("worker_threads");
      const database = new (require("better-sqlite3"))(workerData.path);
      database.loadExtension(workerData.library);
      parentPort.postMessage(database.prepare(workerData.text).raw().all());
      database.close();`;
    return await new Promise((resolve, reject) => {
      const worker = new Worker(code, {eval: true, workerData: {path, library, text}});
      worker.once("message", (rows) => worker.once("exit", () => resolve(rows)));
      worker.once("error", reject);
    });
  },
};

(async () => {
  for await (const line of require("readline").createInterface({input: process.stdin})) {
    const [name, ...rest] = JSON.parse(line);
    let answer;
    try {
      answer = {rows: (await actions[name](...rest)) ?? null};
    } catch (error) {
      answer = {error: error.message};
    }
    fs.writeSync(1, JSON.stringify(answer) + "\n");
  }
})();
