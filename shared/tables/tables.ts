/** Every table's declaration: what the guard enforces and what a test holds against the migrated schema. */

import { table as accessKey } from './access_key.ts';
import { table as acknowledgement } from './acknowledgement.ts';
import { table as alert } from './alert.ts';
import { table as alertWish } from './alert_wish.ts';
import { table as allowance } from './allowance.ts';
import { table as answerCheck } from './answer_check.ts';
import { table as approval } from './approval.ts';
import { table as attachment } from './attachment.ts';
import { table as backup } from './backup.ts';
import { table as backupRequest } from './backup_request.ts';
import { table as batch } from './batch.ts';
import { table as breaker } from './breaker.ts';
import { table as call } from './call.ts';
import { table as chat } from './chat.ts';
import { table as consoleAction } from './console_action.ts';
import { table as consoleLink } from './console_link.ts';
import { table as consoleSession } from './console_session.ts';
import { table as conversation } from './conversation.ts';
import { table as decision } from './decision.ts';
import { table as draft } from './draft.ts';
import { table as embedding } from './embedding.ts';
import { table as embeddingTrial } from './embedding_trial.ts';
import { table as error } from './error.ts';
import { table as exchange } from './exchange.ts';
import { table as externalCall } from './external_call.ts';
import { table as finding } from './finding.ts';
import { table as fire } from './fire.ts';
import { table as fold } from './fold.ts';
import { table as foldOpen } from './fold_open.ts';
import { table as heartbeat } from './heartbeat.ts';
import { table as inbound } from './inbound.ts';
import { table as incident } from './incident.ts';
import { table as inspection } from './inspection.ts';
import { table as mcpServer } from './mcp_server.ts';
import { table as member } from './member.ts';
import { table as memory } from './memory.ts';
import { table as memoryChange } from './memory_change.ts';
import { table as memoryCursor } from './memory_cursor.ts';
import { table as memoryRun } from './memory_run.ts';
import { table as memorySource } from './memory_source.ts';
import { table as message } from './message.ts';
import { table as metric } from './metric.ts';
import { table as metricHour } from './metric_hour.ts';
import type { Table } from './op.ts';
import { table as outbound } from './outbound.ts';
import { table as pairing } from './pairing.ts';
import { table as pairingAttempt } from './pairing_attempt.ts';
import { table as passage } from './passage.ts';
import { table as passageCursor } from './passage_cursor.ts';
import { table as permission } from './permission.ts';
import { table as poller } from './poller.ts';
import { table as presence } from './presence.ts';
import { table as press } from './press.ts';
import { table as preview } from './preview.ts';
import { table as probe } from './probe.ts';
import { table as probeRequest } from './probe_request.ts';
import { table as profile } from './profile.ts';
import { table as quality } from './quality.ts';
import { table as rating } from './rating.ts';
import { table as recalled } from './recalled.ts';
import { table as removal } from './removal.ts';
import { table as replay } from './replay.ts';
import { table as ruling } from './ruling.ts';
import { table as schedule } from './schedule.ts';
import { table as share } from './share.ts';
import { table as silence } from './silence.ts';
import { table as slot } from './slot.ts';
import { table as slotOutcome } from './slot_outcome.ts';
import { table as spend } from './spend.ts';
import { table as step } from './step.ts';
import { table as summary } from './summary.ts';
import { table as taint } from './taint.ts';
import { table as task } from './task.ts';
import { table as telling } from './telling.ts';
import { table as throttle } from './throttle.ts';
import { table as tombstone } from './tombstone.ts';
import { table as tool } from './tool.ts';
import { table as toolCall } from './tool_call.ts';
import { table as total } from './total.ts';
import { table as turn } from './turn.ts';
import { table as wish } from './wish.ts';

export const tables: readonly Table[] = [
  accessKey,
  allowance,
  approval,
  attachment,
  backup,
  backupRequest,
  batch,
  breaker,
  call,
  chat,
  conversation,
  decision,
  draft,
  embedding,
  embeddingTrial,
  error,
  exchange,
  externalCall,
  fire,
  heartbeat,
  inbound,
  incident,
  inspection,
  mcpServer,
  member,
  message,
  outbound,
  pairing,
  pairingAttempt,
  permission,
  poller,
  press,
  preview,
  rating,
  removal,
  replay,
  ruling,
  schedule,
  share,
  slot,
  slotOutcome,
  spend,
  step,
  summary,
  taint,
  task,
  telling,
  throttle,
  tool,
  toolCall,
  total,
  turn,
  wish,
  memory,
  memorySource,
  memoryRun,
  memoryChange,
  memoryCursor,
  tombstone,
  profile,
  recalled,
  passage,
  probe,
  probeRequest,
  finding,
  passageCursor,
  metric,
  metricHour,
  fold,
  foldOpen,
  presence,
  quality,
  answerCheck,
  alert,
  silence,
  acknowledgement,
  alertWish,
  consoleLink,
  consoleSession,
  consoleAction,
];
