// The carrier's published library (npm: twilio) as the carrier: node webhooks.mjs <public url> <auth token>.
// It signs what it posts, and writes the TwiML that it expects. What was answered is printed, one JSON a line.
import twilio from 'twilio';

const [base, token] = process.argv.slice(2);
const CALL = 'CA0123456789abcdef0123456789abcdef';

const fields = {
  AccountSid: 'AC0123456789abcdef0123456789abcdef',
  ApiVersion: '2010-04-01',
  CallSid: CALL,
  CallStatus: 'ringing',
  CallerName: 'Ångström & Söhne, +1 "quoted" 100% é=ü',
  Caller: '+15005550100',
  Called: '+15005550006',
  Direction: 'inbound',
  From: '+15005550100',
  FromCity: '',
  To: '+15005550006',
};

async function post(name, path, form, { signedBy = token, signed = form, signature } = {}) {
  const url = `${base}${path}`;
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  const own = signature === undefined
    ? twilio.getExpectedTwilioSignature(signedBy, url, signed)
    : signature;
  if (own !== null) headers['X-Twilio-Signature'] = own;
  if (signature === undefined && signedBy === token && signed === form) {
    if (!twilio.validateRequest(token, own, url, form)) throw new Error('it does not believe itself');
  }
  const answer = await fetch(url, { method: 'POST', headers, body: new URLSearchParams(form) });
  const body = await answer.text();
  console.log(JSON.stringify({ name, status: answer.status, type: answer.headers.get('content-type'), body }));
  return body;
}

const answer = '/webhooks/twilio/answer?callId=a%20b%26c&leadId=%C3%A9';
const served = await post('answer', answer, fields);

// The same document, made by the library of what is drawn anew for each call.
const drawn = served.match(/name="token" value="([^"]+)"/)?.[1] ?? '';
const expected = new twilio.twiml.VoiceResponse();
expected
  .connect({ action: `${base}/webhooks/twilio/resume?leadId=%C3%A9&callId=a+b%26c` })
  .stream({ url: `${base.replace(/^http/, 'ws')}/media` })
  .parameter({ name: 'token', value: drawn });
console.log(JSON.stringify({ name: 'expected', drawn: drawn.length, body: expected.toString() }));

await post('of another account', answer, fields, { signedBy: 'another-token' });
await post('with a changed field', answer, { ...fields, To: '+15005550007' }, { signed: fields });
await post('not signed', answer, fields, { signature: null });
await post('an empty signature', answer, fields, { signature: '' });
await post('at another address', '/webhooks/twilio/answer', fields, {
  signature: twilio.getExpectedTwilioSignature(token, `${base}${answer}`, fields),
});

const over = { ...fields, CallStatus: 'completed', CallDuration: '3', SequenceNumber: '3' };
await post('status', '/webhooks/twilio/status', over);
await post('status, again', '/webhooks/twilio/status', over);
