import { forgetIdentity, NymProxyClient, type StartProgress } from '../../browser/index.js';
import type { DemoSite } from '../demo-site.js';
import { el } from '../dom.js';
import { messageOf } from '../format.js';
import { saveSettings, withServer, type Settings } from '../settings.js';
import { failureBox } from './failure.js';
import { forgetEverything } from './forget.js';
import { connectForm } from './form.js';
import { clientIdOf, clientOptions, networkMark, networkOf, type ConnectRequest } from './request.js';
import { makeSteps } from './steps.js';
import { explain, sentence } from './trouble.js';
import { stations, whoSeesWhat } from './who-sees-what.js';

/** A client that has started, and what it was started with. */
export interface Connection {
  readonly client: NymProxyClient;
  readonly request: ConnectRequest;
  readonly progress: readonly StartProgress[];
}

export interface ConnectViewEvents {
  /** A client starts, or does not any more. */
  starting(on: boolean): void;
  connected(connection: Connection, settings: Settings): void;
  /** All is deleted; the page starts over. */
  forgotten(): void;
}

/** The first view: a form, one big button, and what happens once it is pressed. */
export interface ConnectView {
  readonly element: HTMLElement;
  /** As if the button were pressed. */
  connect(): Promise<void>;
  /** Puts the focus on the button. */
  focus(): void;
}

export function connectView(
  site: DemoSite | undefined,
  remembered: Settings,
  events: ConnectViewEvents,
): ConnectView {
  let settings = remembered;
  let start: AbortController | undefined;
  const steps = makeSteps();
  const failure = failureBox();
  const form = connectForm(site, settings, {
    connect: () => void connect(),
    cancel: () => start?.abort(new DOMException('You cancelled it.', 'AbortError')),
  });

  async function connect(): Promise<void> {
    const { request } = form;
    const progress: StartProgress[] = [];
    start = new AbortController();
    // What has the focus is about to be hidden or locked.
    if (element.contains(document.activeElement)) form.focusButton();
    failure.hide();
    steps.begin();
    form.busy = true;
    events.starting(true);
    try {
      const network = networkOf(request, site);
      const mark = networkMark(request, network, site);
      await forgetIfStale(request, mark);
      const client = await NymProxyClient.create({
        ...clientOptions(request, network),
        signal: start.signal,
        onProgress: (step) => {
          progress.push(step);
          steps.reached(step);
        },
      });
      settings = updated(request, mark);
      // First of all, since the client may have news at once.
      events.connected({ client, request, progress }, settings);
      await saveSettings(settings);
    } catch (error) {
      steps.stop();
      form.busy = false;
      events.starting(false);
      showFailure(error, request, start.signal.aborted);
    }
  }

  async function forgetIfStale({ kind, keepIdentity }: ConnectRequest, mark: string): Promise<void> {
    const known = settings.identityOf[kind];
    if (keepIdentity && known !== undefined && known !== mark) await forgetIdentity(clientIdOf(kind));
  }

  function updated(request: ConnectRequest, mark: string): Settings {
    const { kind, serverAddress, envText, keepIdentity } = request;
    return {
      network: kind,
      envText,
      servers: { ...settings.servers, [kind]: withServer(settings.servers[kind], serverAddress) },
      traffic: form.traffic,
      keepIdentity,
      identityOf: keepIdentity ? { ...settings.identityOf, [kind]: mark } : settings.identityOf,
    };
  }

  function showFailure(error: unknown, request: ConnectRequest, cancelled: boolean): void {
    if (cancelled) {
      steps.reset();
      return;
    }
    const { title, message, remedy } = explain(error, request.keepIdentity);
    if (remedy === 'address') {
      steps.reset();
      form.blameAddress(`${message} Copy the whole line that the server prints.`);
      return;
    }
    const again = { label: 'Try again', act: () => void connect() };
    const forget = { label: 'Forget the identity and try again', act: () => void forgetAndConnect(request) };
    failure.show(title, message, remedy === 'forget' ? [again, forget] : [again]);
    if (remedy === 'passphrase') form.focusPassphrase();
  }

  async function forgetAndConnect({ kind }: ConnectRequest): Promise<void> {
    try {
      await forgetIdentity(clientIdOf(kind));
    } catch (error) {
      failure.show('The identity cannot be forgotten', sentence(messageOf(error)), []);
      return;
    }
    await connect();
  }

  const element = el(
    'div',
    { class: 'connect' },
    el(
      'div',
      { class: 'intro' },
      el('h1', {}, 'A site behind a mixnet, in this page'),
      el(
        'p',
        { class: 'lede' },
        'Press the button, and this page reaches a service that no address leads to, over a way that nobody on it can follow.',
      ),
      stations(),
    ),
    el('div', { class: 'start' }, failure.element, form.element),
    el(
      'div',
      { class: 'beside' },
      steps.element,
      whoSeesWhat(),
      forgetEverything(() => events.forgotten()),
    ),
  );
  return { element, connect, focus: () => form.focusButton() };
}
