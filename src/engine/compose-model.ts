/**
 * A service as `docker compose config --format json` prints it, without `x-horme`. Horme adds keys and passes it on.
 */
export interface ComposeService {
  image?: string;
  build?: ComposeBuild;
  command?: string[] | null;
  entrypoint?: string[] | null;
  environment?: Record<string, string | null>;
  labels?: Record<string, string>;
  networks?: Record<
    string,
    { aliases?: string[]; ipv4_address?: string; ipv6_address?: string; mac_address?: string } | null
  >;
  volumes?: ComposeMount[];
  secrets?: { source: string; target?: string; uid?: string; gid?: string; mode?: string | number }[];
  configs?: { source: string; target?: string; uid?: string; gid?: string; mode?: string | number }[];
  ports?: { target: number; published?: string; host_ip?: string; protocol?: string; mode?: string }[];
  depends_on?: Record<string, { condition: DependencyCondition; required?: boolean }>;
  healthcheck?: ComposeHealthcheck;
  deploy?: {
    mode?: string;
    replicas?: number;
    update_config?: Record<string, unknown>;
    rollback_config?: Record<string, unknown>;
    resources?: {
      limits?: { cpus?: number | string; memory?: string; pids?: number };
      reservations?: { cpus?: number | string; memory?: string };
    };
  };
  restart?: string;
  stop_grace_period?: string;
  stop_signal?: string;
  container_name?: string;
  network_mode?: string;
  [key: string]: unknown;
}

export interface ComposeBuild {
  context: string;
  dockerfile?: string;
  dockerfile_inline?: string;
  args?: Record<string, string | null>;
  target?: string;
  [key: string]: unknown;
}

export interface ComposeMount {
  type: string;
  source?: string;
  target: string;
  read_only?: boolean;
  [key: string]: unknown;
}

export interface ComposeHealthcheck {
  test?: string[];
  interval?: string;
  timeout?: string;
  retries?: number;
  start_period?: string;
  disable?: boolean;
}

/** The whole document of `docker compose config`, without `x-horme`. */
export interface ComposeModel {
  name: string;
  services: Record<string, ComposeService>;
  networks?: Record<string, Record<string, unknown> | null>;
  volumes?: Record<string, Record<string, unknown> | null>;
  secrets?: Record<
    string,
    { file?: string; environment?: string; content?: string; external?: boolean; name?: string }
  >;
  configs?: Record<
    string,
    { file?: string; environment?: string; content?: string; external?: boolean; name?: string }
  >;
}

export type DependencyCondition = 'service_started' | 'service_healthy' | 'service_completed_successfully';
