/**
 * The service worker of the test site: the two lines of an app's.
 *
 * @module
 */
import { serveTunnel } from '../../../src/browser/service-worker/index.js';

serveTunnel();
