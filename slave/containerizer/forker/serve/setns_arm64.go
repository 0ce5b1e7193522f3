package serve

const sysSetns = 268
