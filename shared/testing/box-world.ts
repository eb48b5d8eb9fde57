/** What is outside of Vigil, inside a box: Telegram and a model provider with the real rules, run from this checkout. */

import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../base/root.ts';
import type { Box } from './box.ts';
import { OWNER, TOKEN } from './house.ts';

const packages = realpathSync(join(root, 'node_modules'));
const node = join(process.execPath, '..', '..');

/** Binds for a box: this checkout, its packages and its Node, where they lie outside too. */
export const checkout = { [root]: root, [packages]: packages, [node]: node };

/** A folder in the box with the credentials for both. */
export const SECRETS = '/root/secrets';

/** Starts them in the box, at each boot. The owner asks something: `answered` is in /root/world.log once it is. */
export async function startWorld(box: Box): Promise<void> {
  const program = `
    import { startBotApi } from '${root}/shared/testing/bot-api.ts';
    import { startMessagesApi } from '${root}/shared/testing/messages-api.ts';
    const bot = await startBotApi({ token: '${TOKEN}', port: 9001 });
    await startMessagesApi({ key: 'sk-box', port: 9002 });
    await bot.say({ chat_id: ${OWNER}, text: 'is anybody there?' });
    await bot.waitSent((sent) => sent.text === 'answer to: is anybody there?');
    console.log('answered');`;
  await box.must(`mkdir -p ${SECRETS} && cd ${SECRETS} && chmod 700 . && umask 077 &&
    printf 'TELEGRAM_BOT_TOKEN=${TOKEN}\\nTELEGRAM_API_ROOT=http://127.0.0.1:9001\\n' >telegram.env &&
    printf 'ANTHROPIC_API_KEY=sk-box\\nANTHROPIC_BASE_URL=http://127.0.0.1:9002\\n' >anthropic.env &&
    cat >/root/world.mjs <<'END'
${program}
END
    cat >/etc/systemd/system/world.service <<'END'
[Service]
ExecStart=${process.execPath} /root/world.mjs
StandardOutput=file:/root/world.log
[Install]
WantedBy=multi-user.target
END
    systemctl enable --quiet --now world`);
}
