// The published Socket.IO client against a server: node socket-io.mjs <url> <token> <call id>.
// Each connection subscribes to the call from its beginning; what it hears is printed, one JSON a line.
import { io } from 'socket.io-client';

const [url, token, call] = process.argv.slice(2);

const connections = {
  'auth on /': () => io(url, { auth: { token }, forceNew: true }),
  'auth on /ws/calls': () => io(`${url}/ws/calls`, { auth: { token }, forceNew: true }),
  'query on /ws/calls': () => io(`${url}/ws/calls?token=${token}`, { forceNew: true }),
  'query, polling alone': () =>
    io(`${url}/ws/calls?token=${token}`, { transports: ['polling'], forceNew: true }),
  'query, WebSocket alone': () =>
    io(url, { query: { token }, transports: ['websocket'], forceNew: true }),
  'header on /': () =>
    io(url, { extraHeaders: { authorization: `Bearer ${token}` }, forceNew: true }),
  'path /ws/calls': () =>
    io(url, { path: '/ws/calls', auth: { token }, forceNew: true }),
};

const told = (name, what) => console.log(JSON.stringify({ name, ...what }));

function heard(name, open) {
  return new Promise((resolve) => {
    const socket = open();
    const events = [];
    const late = setTimeout(() => {
      told(name, { late: true, connected: socket.connected, transport: socket.io.engine?.transport?.name, events });
      socket.disconnect();
      resolve();
    }, 30_000);
    const done = () => {
      clearTimeout(late);
      socket.disconnect();
      resolve();
    };
    socket.on('connect_error', (error) => {
      told(name, { refused: error.message });
      done();
    });
    socket.on('connect', () => {
      socket.emit('subscribe', { type: 'call', call_id: call, after: 0, sequence: true });
    });
    socket.onAny((event, data, beside) => {
      events.push([event, beside?.sequence ?? data.code]);
      // The call's end is the last that is kept.
      if (event === 'call.ended' || event === 'error') {
        told(name, { events });
        done();
      }
    });
  });
}

for (const [name, open] of Object.entries(connections)) {
  await heard(name, open);
}
await heard('no token on /ws/calls', () => io(`${url}/ws/calls`, { forceNew: true }));
await heard('a forged token', () => io(url, { auth: { token: 'a.b.c' }, forceNew: true }));

// Both namespaces over one connection; one is left, the other goes on.
await new Promise((resolve) => {
  const main = io(url, { auth: { token } });
  const calls = io(`${url}/ws/calls`, { auth: { token } });
  const late = setTimeout(resolve, 30_000);
  const connected = (socket) => new Promise((done) => socket.on('connect', done));
  // Whichever is let in first.
  Promise.all([connected(main), connected(calls)]).then(() => {
    main.disconnect();
    calls.emit('subscribe', { type: 'call', call_id: call, after: 0 });
  });
  calls.on('call.ended', () => {
    told('one connection, two namespaces', { events: [['call.ended', null]] });
    calls.disconnect();
    clearTimeout(late);
    resolve();
  });
});
process.exit(0);
