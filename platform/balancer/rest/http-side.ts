/** Opens the balancer's API beside the running service. Fastify is loaded here and not before. */
import { type HttpSide, ListenFailure } from '../../service/http-side.ts';
import { httpSecrets, type HttpSettings, httpSettingsSchema } from './settings.ts';

export const balancerHttp: HttpSide = {
  settingsSchema: httpSettingsSchema,
  secrets: httpSecrets,
  async open(context) {
    const settings = context.settings as HttpSettings;
    const { site } = context.config as { readonly site: string };
    const { createApi } = await import('./server.ts');
    const { openDesk } = await import('./desk.ts');
    const desk = await openDesk(context, site);
    const api = await createApi({ settings, desk, log: context.log });
    const close = async () => {
      await api.close();
      await desk.close();
    };
    try {
      const url = await api.listen({ host: settings.host, port: settings.port });
      return { url: `${url}${settings.basePath}`, close };
    } catch (error) {
      await close();
      throw new ListenFailure(context.service.name, settings, error as Error);
    }
  },
};
