// The command scheduler that mesos-framework has as an example, with an end: when each of its tasks has finished, it
// tears its framework down.
//
//	node run.js 127.0.0.1:5050 [user:password]
"use strict";

const framework = require("mesos-framework");
const Mesos = framework.Mesos.getMesos();

const [host, port] = process.argv[2].split(":");
const instances = 4;
const finished = new Set();

const scheduler = new framework.Scheduler({
    masterUrl: host, port: port, frameworkName: "conformance",
    tasks: {
        echo: {
            priority: 1, instances: instances,
            commandInfo: new Mesos.CommandInfo(null, null, true, "echo $PORT0", null, null),
            resources: {cpus: 0.2, mem: 32, ports: 1, disk: 0},
        },
    },
    handlers: {},
});

// It leaves passwords to Node's requests.
if (process.argv[3]) {
    scheduler.requestTemplate.auth = process.argv[3];
}

scheduler.on("update", ({status}) => {
    console.log(status.task_id.value, status.state);
    if (status.state === "TASK_FINISHED") {
        finished.add(status.task_id.value);
    }
    if (finished.size === instances) {
        scheduler.teardown();
    }
});
// The master closes the stream of a framework that is over.
scheduler.on("error", (error) => {
    if (finished.size === instances) {
        process.exit(0);
    }
    console.error(error.stack || JSON.stringify(error));
    process.exit(1);
});
scheduler.on("ready", () => scheduler.subscribe());
