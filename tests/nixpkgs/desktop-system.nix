# A system with a desktop, databases, web servers, mail, containers and
# monitoring: most of what the modules of NixOS can write.
{ config, pkgs, lib, ... }:
{
  boot.loader.systemd-boot.enable = true;
  boot.kernelPackages = pkgs.linuxPackages_latest;
  boot.initrd.luks.devices.root.device = "/dev/disk/by-uuid/0000";
  boot.supportedFilesystems = [ "zfs" "btrfs" ];
  networking.hostId = "12345678";
  fileSystems."/" = { device = "/dev/mapper/root"; fsType = "btrfs"; };
  fileSystems."/boot" = { device = "/dev/sda1"; fsType = "vfat"; };
  swapDevices = [ { device = "/dev/sda2"; } ];

  networking = {
    hostName = "big";
    networkmanager.enable = true;
    firewall.allowedTCPPorts = [ 22 80 443 ];
    wireguard.interfaces.wg0 = {
      ips = [ "10.0.0.1/24" ];
      privateKeyFile = "/run/key";
      peers = [ { publicKey = "x"; allowedIPs = [ "10.0.0.0/24" ]; } ];
    };
  };
  i18n.defaultLocale = "de_DE.UTF-8";
  time.timeZone = "Europe/Berlin";
  console.keyMap = "de";

  sound.enable = true;
  hardware.pulseaudio.enable = true;
  hardware.bluetooth.enable = true;
  hardware.opengl.driSupport32Bit = true;
  services.printing = { enable = true; drivers = [ pkgs.gutenprint ]; };
  services.xserver = {
    enable = true;
    layout = "de";
    libinput.enable = true;
    displayManager.sddm.enable = true;
    desktopManager.plasma5.enable = true;
  };
  fonts.fonts = with pkgs; [ dejavu_fonts noto-fonts ];

  services.postgresql = {
    enable = true;
    package = pkgs.postgresql_12;
    extraPlugins = [ pkgs.postgresql_12.pkgs.postgis ];
    ensureDatabases = [ "app" ];
    ensureUsers = [ { name = "app"; ensurePermissions."DATABASE app" = "ALL PRIVILEGES"; } ];
  };
  services.mysql = { enable = true; package = pkgs.mariadb; };
  services.redis.enable = true;

  security.acme = { acceptTerms = true; email = "root@example.org"; };
  services.nginx = {
    enable = true;
    recommendedGzipSettings = true;
    recommendedProxySettings = true;
    recommendedTlsSettings = true;
    virtualHosts."example.org" = {
      enableACME = true;
      forceSSL = true;
      root = "/var/www";
      locations."/app".proxyPass = "http://localhost:8080";
      locations."~ \\.php$".extraConfig = "fastcgi_pass unix:${config.services.phpfpm.pools.www.socket};";
    };
  };
  services.phpfpm.pools.www = {
    user = "nginx";
    settings = { pm = "dynamic"; "pm.max_children" = 5; "pm.start_servers" = 2; "pm.min_spare_servers" = 1; "pm.max_spare_servers" = 3; };
  };
  services.postfix = { enable = true; hostname = "example.org"; };
  services.dovecot2.enable = true;
  services.prometheus = { enable = true; exporters.node.enable = true; };
  services.grafana.enable = true;
  services.openssh = { enable = true; passwordAuthentication = false; };
  services.fail2ban.enable = true;
  services.cron = { enable = true; systemCronJobs = [ "0 0 * * * root true" ]; };

  virtualisation.docker.enable = true;
  virtualisation.libvirtd.enable = true;
  containers.inner = {
    autoStart = true;
    config = { services.httpd = { enable = true; adminAddr = "root@example.org"; }; };
  };

  systemd.services.mine = {
    wantedBy = [ "multi-user.target" ];
    path = [ pkgs.jq ];
    script = "jq . ${pkgs.writeText "x.json" (builtins.toJSON { a = [ 1 2.5 null ]; })}";
  };
  users.users.me = { isNormalUser = true; shell = pkgs.zsh; extraGroups = [ "wheel" "docker" ]; };
  programs.zsh.enable = true;
  programs.gnupg.agent = { enable = true; enableSSHSupport = true; };
  environment.etc."motd".text = "hello\n";
  environment.systemPackages = with pkgs; [ git (vim_configurable.override { }) firefox libreoffice (python3.withPackages (p: [ p.numpy p.requests ])) ];
  nixpkgs.overlays = [ (self: super: { hello = super.hello.overrideAttrs (o: { NOTE = "x"; }); }) ];
}
