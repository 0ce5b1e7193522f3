package serve

const sysSetns = 308
