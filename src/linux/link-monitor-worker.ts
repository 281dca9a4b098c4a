import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { declare } from './libc.ts';
import { NetlinkSocket } from './netlink.ts';
import { linkDump } from './rtnetlink.ts';

const cPoll = declare('int poll(_Inout_ void *fds, unsigned long count, int timeout)');

const NETLINK_ROUTE = 0;
const RTMGRP_LINK = 1;
const POLLIN = 1;
const MSG_DONTWAIT = 0x40;
/** How soon the thread sees that it is to end. */
const LOOK_MS = 50;

/**
 * Waits for notifications about links and posts each; ends when it is sent a message. All links are posted as a list:
 * first, and when notifications were lost.
 */
if (!parentPort) throw new TypeError('link-monitor-worker runs as a worker');
const port = parentPort;
using socket = new NetlinkSocket(NETLINK_ROUTE, RTMGRP_LINK);
using dumps = new NetlinkSocket(NETLINK_ROUTE);
socket.setReceiveBuffer((workerData as { receiveBuffer: number }).receiveBuffer);
/** struct pollfd: descriptor, events, what happened. */
const pollfd = new DataView(new ArrayBuffer(8));
pollfd.setInt32(0, socket.fd, true);
pollfd.setInt16(4, POLLIN, true);
const bytes = new Uint8Array(pollfd.buffer);

port.postMessage(linkDump(dumps));
let overruns = 0;
while (!receiveMessageOnPort(port)) {
  if (cPoll(bytes, 1, LOOK_MS) <= 0) continue;
  for (const message of socket.receive()) port.postMessage(message);
  if (socket.overruns === overruns) continue;
  // What still waits is older than the list, and would tell of links that are gone as if they were new.
  do overruns = socket.overruns;
  while (socket.receive(MSG_DONTWAIT).length > 0 || socket.overruns !== overruns);
  port.postMessage(linkDump(dumps));
}
port.close();
