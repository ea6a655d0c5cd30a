export { DEFAULT_BASE_URL, HttpClient, type HttpClientOptions } from './client.js';
export { TunnelFetchError, type TunnelFetchErrorCode } from './errors.js';
export { tunnelUrl } from './normalize-request.js';
