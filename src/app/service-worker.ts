import { serveTunnel } from '../browser/service-worker/index.js';
serveTunnel({ clientId: new URL(location.href).searchParams.get('client') ?? undefined });
